//! What makes the agent doubt that the selected pair lives, and what comes of that.

use std::time::Instant;

use super::Agent;
use crate::ice::generation::Heard;
use crate::ice::liveness::Due;
use crate::ice::{Pair, Transmit};

/// The type of a check (RFC 8489 §5).
const BINDING_REQUEST: [u8; 2] = [0, 1];

impl Agent {
    /// Data of the peer's has come to the local address of `pair` from its remote one. Tells whether
    /// [`Agent::poll_timeout`] may be earlier than it was.
    pub fn note_data(&mut self, now: Instant, pair: Pair) -> bool {
        let mut selected = self.selected.as_mut().filter(|s| s.pair == pair);
        selected.as_mut().is_some_and(|s| s.note_data(now))
    }

    pub(super) fn note_sent(&mut self, transmit: &Transmit) {
        if let Some(selected) = &mut self.selected
            && selected.pair == transmit.pair()
            && transmit.contents.starts_with(&BINDING_REQUEST)
        {
            selected.liveness().note_check(self.now);
        }
    }

    pub(super) fn note_heard(&mut self, pair: Pair, heard: Heard) {
        let now = self.now;
        let Some(selected) = &mut self.selected else {
            return;
        };
        match (heard, selected.pair == pair) {
            (Heard::Answer, true) => {
                if selected.renew_consent(now) {
                    self.current.calm();
                }
            }
            (Heard::Answer, false) => selected.liveness().note_rival(pair),
            (Heard::Check, false) => selected.liveness().note_other(now, pair),
            // Peers of lite sides are used to being trusted for their checks, and some answer none (FFmpeg's WHIP).
            (Heard::Check, true) if self.config.lite => selected.note_check(now),
            (Heard::Check, true) | (Heard::Other, _) => {}
        }
    }

    /// Whether a doubt leads to checks: a restart under way tries everything as it is.
    fn may_doubt(&self) -> bool {
        self.previous.is_none()
    }

    /// When [`Agent::watch_liveness`] has something to do.
    pub(super) fn next_doubt(&self) -> Option<Instant> {
        let selected = self.selected.as_ref().filter(|_| self.may_doubt());
        selected.and_then(|selected| selected.next_doubt())
    }

    pub(super) fn watch_liveness(&mut self) {
        if !self.may_doubt() {
            return;
        }
        while let Some(selected) = &mut self.selected
            && let Some(due) = selected.take_doubt(self.now)
        {
            let pair = selected.pair;
            match due {
                Due::Check => self.current.hasten(),
                Due::CheckRivals => {
                    selected.put_off_pruning(self.now);
                    self.current.restore_rivals(pair, &self.verified);
                }
                Due::Rest => self.current.calm(),
                Due::Move(rival) => self.move_to(rival),
            }
            self.dirty = true;
        }
    }

    /// The selected pair is dead, and `rival` is not. A controlling side nominates what lives, a controlled one
    /// may send on any valid pair (RFC 8445 §12.1).
    fn move_to(&mut self, rival: Pair) {
        self.select(rival);
        match self.controlling() {
            true => self.try_all_again(),
            false => self.current.leave_for(rival, self.now),
        }
    }
}
