//! What became of this side's checks, and which of the peer's came.

use std::io;

use super::Addresses;
use crate::ice::Pair;

/// Most pairs that are counted one by one.
const MAX_PAIRS: usize = 4;
/// What an answer says of a check in a role that both sides claim (RFC 8445 §7.3.1.1).
const ROLE_CONFLICT: u16 = 487;

/// Checks of this side's on one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// Where they went.
    pub pair: Pair,
    /// How many, with those that the system did not take.
    pub sent: u32,
}

/// What became of this side's checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checks {
    /// The first four pairs.
    pub pairs: [Option<Tried>; MAX_PAIRS],
    /// How many were sent on all pairs, with those that the system did not take.
    pub sent: u32,
    /// How many the system did not take, and why it did not take the last of them.
    pub unsent: u32,
    /// Why the last one was not.
    pub unsent_for: Option<io::ErrorKind>,
    /// Where those were to go.
    pub unsent_to: Addresses,
    /// How many were answered with a success by whom they were sent to.
    pub answered: u32,
    /// By whom.
    pub answered_by: Addresses,
    /// How many were answered with an error, but for a role conflict.
    pub rejected: u32,
    /// The last error's code (RFC 8489 §14.8): 401 is a wrong password.
    pub code: Option<u16>,
    /// How many answers said that both sides claim one role.
    pub conflicts: u32,
    /// How many answers were not signed with the password that the peer is known by.
    pub unauthentic: u32,
    /// How many answers came from elsewhere than where the check went.
    pub elsewhere: u32,
    /// From where.
    pub elsewhere_from: Addresses,
    /// How many connections over TCP ended, or were not made.
    pub closed: u32,
}

/// Checks of the peer's, or of who claims to be the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerChecks {
    /// How many were authentic.
    pub authentic: u32,
    /// From where.
    pub from: Addresses,
    /// How many named this side, and were signed with another password than its own.
    pub forged: u32,
    /// From where.
    pub forged_from: Addresses,
    /// How many were signed with this side's password, by a peer of another name than the one that is known here.
    pub unknown: u32,
    /// From where.
    pub unknown_from: Addresses,
    /// How many named somebody else, as after a restart that the peer does not know of.
    pub foreign: u32,
    /// From where.
    pub foreign_from: Addresses,
}

impl Checks {
    pub(in crate::ice) fn note_sent(&mut self, pair: Pair) {
        add(&mut self.sent);
        for place in &mut self.pairs {
            match place {
                Some(tried) if tried.pair == pair => return add(&mut tried.sent),
                Some(_) => {}
                None => return *place = Some(Tried { pair, sent: 1 }),
            }
        }
    }

    pub(in crate::ice) fn note_unsent(&mut self, to: std::net::SocketAddr, why: io::ErrorKind) {
        add(&mut self.unsent);
        self.unsent_for = Some(why);
        self.unsent_to.insert(to);
    }

    pub(in crate::ice) fn note_answer(&mut self, pair: Pair) {
        add(&mut self.answered);
        self.answered_by.insert(pair.remote);
    }

    pub(in crate::ice) fn note_error(&mut self, code: u16) {
        if code == ROLE_CONFLICT {
            return add(&mut self.conflicts);
        }
        add(&mut self.rejected);
        self.code = Some(code);
    }

    pub(in crate::ice) fn note_unauthentic(&mut self) {
        add(&mut self.unauthentic);
    }

    pub(in crate::ice) fn note_elsewhere(&mut self, pair: Pair) {
        add(&mut self.elsewhere);
        self.elsewhere_from.insert(pair.remote);
    }

    pub(in crate::ice) fn note_closed(&mut self) {
        add(&mut self.closed);
    }

    /// Whether there were some, and the system took none.
    pub(super) fn did_not_leave(&self) -> bool {
        self.sent > 0 && self.unsent >= self.sent
    }
}

impl PeerChecks {
    pub(in crate::ice) fn note_authentic(&mut self, pair: Pair) {
        add(&mut self.authentic);
        self.from.insert(pair.remote);
    }

    pub(in crate::ice) fn note_forged(&mut self, pair: Pair) {
        add(&mut self.forged);
        self.forged_from.insert(pair.remote);
    }

    pub(in crate::ice) fn note_unknown(&mut self, pair: Pair) {
        add(&mut self.unknown);
        self.unknown_from.insert(pair.remote);
    }

    pub(in crate::ice) fn note_foreign(&mut self, from: std::net::SocketAddr) {
        add(&mut self.foreign);
        self.foreign_from.insert(from);
    }
}

fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}
