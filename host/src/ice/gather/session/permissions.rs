//! What waits until the server permits a peer (RFC 8656 §9).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Datagrams that wait; the oldest leaves first. ICE repeats its checks.
const MAX_HELD: usize = 16;
/// How long a peer that was refused is not asked for again.
const REFUSAL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Permissions {
    held: VecDeque<(SocketAddr, Vec<u8>)>,
    asked: HashSet<IpAddr>,
    refused: HashMap<IpAddr, Instant>,
}

impl Permissions {
    /// Keeps a datagram for a peer that is not permitted, unless it was refused of late. Returns whether the
    /// server is to be asked.
    pub(super) fn hold(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) -> bool {
        self.refused.retain(|_, until| now < *until);
        if self.refused.contains_key(&peer.ip()) {
            return false;
        }
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((peer, data.to_vec()));
        self.asked.insert(peer.ip())
    }

    /// The peer is permitted: what waited for it may leave.
    pub(super) fn release(&mut self, ip: IpAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        self.asked.remove(&ip);
        let held = std::mem::take(&mut self.held);
        let (released, kept) = held.into_iter().partition(|(peer, _)| peer.ip() == ip);
        self.held = kept;
        Vec::from_iter::<VecDeque<_>>(released)
    }

    pub(super) fn refuse(&mut self, now: Instant, ip: IpAddr) {
        self.asked.remove(&ip);
        self.held.retain(|(peer, _)| peer.ip() != ip);
        self.refused.insert(ip, now + REFUSAL);
    }
}
