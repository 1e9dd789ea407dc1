//! What waits until the server permits a peer (RFC 8656 §9).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Datagrams that wait; the oldest leaves first. ICE repeats its checks.
const MAX_HELD: usize = 16;
/// How long a peer that was refused is not asked for again.
const REFUSAL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Permissions {
    held: VecDeque<(SocketAddr, Vec<u8>)>,
    refused: HashMap<IpAddr, Instant>,
}

impl Permissions {
    pub(super) fn may_ask(&mut self, now: Instant, ip: IpAddr) -> bool {
        self.refused.retain(|_, until| now < *until);
        !self.refused.contains_key(&ip)
    }

    pub(super) fn hold(&mut self, peer: SocketAddr, data: &[u8]) {
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((peer, data.to_vec()));
    }

    /// The peer is permitted: what waited for it may leave.
    pub(super) fn release(&mut self, ip: IpAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        let held = std::mem::take(&mut self.held);
        let (released, kept) = held.into_iter().partition(|(peer, _)| peer.ip() == ip);
        self.held = kept;
        Vec::from_iter::<VecDeque<_>>(released)
    }

    pub(super) fn refuse(&mut self, now: Instant, ip: IpAddr) {
        self.held.retain(|(peer, _)| peer.ip() != ip);
        self.refused.insert(ip, now + REFUSAL);
    }
}
