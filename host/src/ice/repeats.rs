//! The checks that the peer has sent, so that a copy of one is known.
//!
//! MESSAGE-INTEGRITY tells who wrote a request, and neither who sent it nor when: whoever sees one can send it
//! again, from anywhere (RFC 8489 §16.1.1).

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use super::Source;
use super::stun::TransactionId;

/// How many are remembered, the latest: 20 minutes of a peer that checks one pair every 2.5 s, in 4 KiB.
const MAX: usize = 512;

/// Requests by their transaction, and where each came from first.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    seen: VecDeque<(u32, Mark)>,
}

/// A source, in few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u32);

/// A request's transaction as it is looked for, and where in the queue that is, if the request is not new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    id: u32,
    place: Option<usize>,
}

impl Repeats {
    /// Looks for a request, once for all that is asked about it.
    pub(super) fn look(&self, id: TransactionId) -> Known {
        let id = self.hash(id);
        let place = self.seen.iter().position(|(known, _)| *known == id);
        Known { id, place }
    }

    /// Where the request came from first; `None` if it is new.
    pub(super) fn first(&self, known: Known) -> Option<Mark> {
        known.place.map(|place| self.seen[place].1)
    }

    pub(super) fn mark(&self, source: Source) -> Mark {
        Mark(self.hash(source))
    }

    /// A request is known to come from `source`. Nothing has been inserted since it was looked for.
    pub(super) fn insert(&mut self, known: Known, source: Source) {
        let mark = self.mark(source);
        if let Some(place) = known.place {
            self.seen[place].1 = mark;
            return;
        }
        if self.seen.len() == MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((known.id, mark));
    }

    fn hash(&self, of: impl std::hash::Hash) -> u32 {
        // Any half of the hash tells few requests apart.
        self.hasher.hash_one(of) as u32
    }
}
