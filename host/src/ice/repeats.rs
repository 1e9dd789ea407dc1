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

impl Repeats {
    /// Where the request came from first; `None` if it is new.
    pub(super) fn first(&self, id: TransactionId) -> Option<Mark> {
        let id = self.hash(id);
        let mut seen = self.seen.iter();
        seen.find(|(known, _)| *known == id).map(|(_, from)| *from)
    }

    pub(super) fn mark(&self, source: Source) -> Mark {
        Mark(self.hash(source))
    }

    /// A request is known to come from `source`.
    pub(super) fn insert(&mut self, id: TransactionId, source: Source) {
        let (id, mark) = (self.hash(id), self.mark(source));
        if let Some((_, known)) = self.seen.iter_mut().find(|(known, _)| *known == id) {
            *known = mark;
            return;
        }
        if self.seen.len() == MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((id, mark));
    }

    fn hash(&self, of: impl std::hash::Hash) -> u32 {
        // Any half of the hash tells few requests apart.
        self.hasher.hash_one(of) as u32
    }
}
