//! Which peers the server permits, and what waits until it does (RFC 8656 §9).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Datagrams that wait; the oldest leaves first. They are checks, which ICE repeats: data goes over a pair whose checks
/// have opened the permission.
const MAX_HELD: usize = 16;
/// How long a peer that was refused is not asked for again.
const REFUSAL: Duration = Duration::from_secs(5);
/// How long a permission lasts (RFC 8656 §9), and when it is asked for again.
const LIFETIME: Duration = Duration::from_secs(300);
const RENEWAL: Duration = Duration::from_secs(240);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(20);
/// Most peers: more than have candidates at a time.
const MAX: usize = 256;

/// What becomes of a datagram for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may leave.
    Permitted,
    /// It waits, and the server is to be asked.
    First,
    /// It waits, and the server has been asked.
    Asked,
    /// The peer was refused of late: it is dropped.
    Refused,
}

#[derive(Debug, Clone, Copy)]
enum Permission {
    Asked {
        until: Instant,
    },
    Granted {
        renew: Instant,
        until: Instant,
        /// Whether anything was sent since it was granted.
        is_used: bool,
    },
    Refused {
        until: Instant,
    },
}

impl Permission {
    fn until(self) -> Instant {
        match self {
            Self::Asked { until } | Self::Refused { until } | Self::Granted { until, .. } => until,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Permissions {
    held: VecDeque<(SocketAddr, Vec<u8>)>,
    peers: HashMap<IpAddr, Permission>,
}

impl Permissions {
    /// Judges a datagram for a peer, and keeps it if it has to wait.
    pub(super) fn judge(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) -> Verdict {
        let known = self.peers.get_mut(&peer.ip());
        let verdict = match known.filter(|permission| now < permission.until()) {
            Some(Permission::Granted { is_used, .. }) => {
                *is_used = true;
                return Verdict::Permitted;
            }
            Some(Permission::Refused { .. }) => return Verdict::Refused,
            Some(Permission::Asked { .. }) => Verdict::Asked,
            None => {
                self.peers.retain(|_, permission| now < permission.until());
                if self.peers.len() == MAX {
                    return Verdict::Refused;
                }
                let until = now + ANSWER;
                self.peers.insert(peer.ip(), Permission::Asked { until });
                Verdict::First
            }
        };
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back((peer, data.to_vec()));
        verdict
    }

    /// Whether what comes from there may have come through the server.
    pub(super) fn is_granted(&self, ip: IpAddr) -> bool {
        matches!(self.peers.get(&ip), Some(Permission::Granted { .. }))
    }

    /// The peer is permitted: what waited for it may leave.
    pub(super) fn grant(&mut self, now: Instant, ip: IpAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        let granted = Permission::Granted {
            renew: now + RENEWAL,
            until: now + LIFETIME,
            is_used: false,
        };
        self.peers.insert(ip, granted);
        let held = std::mem::take(&mut self.held);
        let (released, kept) = held.into_iter().partition(|(peer, _)| peer.ip() == ip);
        self.held = kept;
        Vec::from_iter::<VecDeque<_>>(released)
    }

    pub(super) fn refuse(&mut self, now: Instant, ip: IpAddr) {
        self.held.retain(|(peer, _)| peer.ip() != ip);
        let until = now + REFUSAL;
        self.peers.insert(ip, Permission::Refused { until });
    }

    /// A peer whose permission is in use, and is to be asked for again.
    pub(super) fn poll_renewal(&mut self, now: Instant) -> Option<IpAddr> {
        self.peers.iter_mut().find_map(|(ip, permission)| {
            let Permission::Granted { renew, is_used, .. } = permission else {
                return None;
            };
            (*is_used && *renew <= now).then(|| {
                *renew = now + ANSWER;
                *ip
            })
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let renewals = self
            .peers
            .values()
            .filter_map(|permission| match permission {
                Permission::Granted {
                    renew,
                    is_used: true,
                    ..
                } => Some(*renew),
                _ => None,
            });
        renewals.min()
    }
}
