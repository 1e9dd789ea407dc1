//! Channels of an allocation (RFC 8656 §12): numbers that stand for peers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a binding lasts (RFC 8656 §12), and when it is asked for again.
const LIFETIME: Duration = Duration::from_secs(600);
const RENEWAL: Duration = Duration::from_secs(540);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(20);
/// The first number (RFC 8656 §12).
const FIRST: u16 = 0x4000;
/// Most peers with a channel: those of selected pairs have one.
const MAX: usize = 64;

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    /// Whether and how long the server knows of it.
    bound: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    renew: Instant,
    until: Instant,
    /// Whether anything was sent since it was bound.
    is_used: bool,
}

/// The one at index 0 has the first number. A peer keeps its number: the server takes no other for it.
#[derive(Debug, Default)]
pub(super) struct Channels(Vec<Channel>);

impl Channels {
    /// A number for a peer that has no channel now, and is to get one.
    pub(super) fn number(&mut self, now: Instant, peer: SocketAddr) -> Option<u16> {
        let known = self.0.iter().position(|channel| channel.peer == peer);
        let index = known.unwrap_or(self.0.len());
        match self.0.get(index) {
            Some(channel) if channel.is_bound(now) => return None,
            Some(_) => {}
            None if index == MAX => return None,
            None => self.0.push(Channel { peer, bound: None }),
        }
        Some(number(index))
    }

    /// The server knows of the peer's channel from now on, or knows of it no more.
    pub(super) fn set_bound(&mut self, now: Instant, peer: SocketAddr, is_bound: bool) {
        if let Some(channel) = self.0.iter_mut().find(|channel| channel.peer == peer) {
            channel.bound = is_bound.then(|| Bound {
                renew: now + RENEWAL,
                until: now + LIFETIME,
                is_used: false,
            });
        }
    }

    /// The channel over which to send to a peer.
    pub(super) fn to(&mut self, now: Instant, peer: SocketAddr) -> Option<u16> {
        let of_peer = |(_, channel): &(usize, &mut Channel)| channel.peer == peer;
        let (index, channel) = self.0.iter_mut().enumerate().find(of_peer)?;
        let bound = channel.bound.as_mut().filter(|bound| now < bound.until)?;
        bound.is_used = true;
        Some(number(index))
    }

    /// Whom a channel stands for.
    pub(super) fn peer(&self, number: u16) -> Option<SocketAddr> {
        let channel = self.0.get(usize::from(number.checked_sub(FIRST)?))?;
        Some(channel.peer)
    }

    /// A channel in use that is to be asked for again.
    pub(super) fn poll_renewal(&mut self, now: Instant) -> Option<(SocketAddr, u16)> {
        let is_due = |(_, channel): &(usize, &mut Channel)| {
            channel.renewal().is_some_and(|renewal| renewal <= now)
        };
        let (index, channel) = self.0.iter_mut().enumerate().find(is_due)?;
        channel.bound.as_mut()?.renew = now + ANSWER;
        Some((channel.peer, number(index)))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(Channel::renewal).min()
    }
}

impl Channel {
    fn is_bound(&self, now: Instant) -> bool {
        self.bound.as_ref().is_some_and(|bound| now < bound.until)
    }

    fn renewal(&self) -> Option<Instant> {
        let bound = self.bound.as_ref().filter(|bound| bound.is_used)?;
        Some(bound.renew)
    }
}

fn number(index: usize) -> u16 {
    FIRST + u16::try_from(index).expect("there are few")
}
