//! What a generation does while it is in doubt that the selected pair lives.

use std::time::Instant;

use is::Candidate;

use super::Generation;
use crate::ice::Pair;
use crate::ice::core::{EAGER, HASTY, SETTLED};
use crate::ice::local::base_of;
use crate::ice::sources::Sources;

/// Candidates given to a core again, after which it is made anew: more than a few doubts bring.
const MAX_RESTORED: usize = 128;

impl Generation {
    /// Checks often.
    pub(in crate::ice) fn hasten(&mut self) {
        HASTY.apply(&mut self.core);
    }

    /// Checks as it did before.
    pub(in crate::ice) fn calm(&mut self) {
        match self.settled {
            true => SETTLED.apply(&mut self.core),
            false => EAGER.apply(&mut self.core),
        }
    }

    /// Checks all pairs beside this one anew, pruned or given up as they may be.
    pub(in crate::ice) fn restore_rivals(&mut self, pair: Pair, verified: &Sources) {
        if self.restored > MAX_RESTORED {
            self.rebuild(|source| verified.contains(source));
            return self.hasten();
        }
        self.prune(pair); // for only what was given up comes back
        for index in 0..self.locals.len() {
            let local = self.locals[index];
            let candidate = local.origin.candidate(local.addr, &self.locals[..index]);
            let is_there = |it: &Candidate| {
                let key = |c: &Candidate| (c.addr(), base_of(c), c.proto());
                self.core.local_candidates().any(|c| key(&c) == key(it))
            };
            if let Some(candidate) = candidate.filter(|candidate| !is_there(candidate)) {
                self.core.add_local_candidate(candidate);
            }
        }
        let before = self.core.remote_candidates().count();
        self.seek();
        for candidate in std::mem::take(&mut self.pruned) {
            self.teach(candidate);
        }
        self.restored += self.core.remote_candidates().count() - before;
    }

    /// Data has gone over to a rival of the pair in use, without a word of the peer's.
    pub(in crate::ice) fn leave_for(&mut self, pair: Pair, now: Instant) {
        if let Some(nominations) = &mut self.nominations {
            nominations.leave_for(pair, now);
        }
    }
}
