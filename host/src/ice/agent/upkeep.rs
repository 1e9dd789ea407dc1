//! What time brings: pairs, consent, its loss, and the end.

use std::time::{Duration, Instant};

use super::Agent;
use crate::ice::Event;
use crate::ice::Pair;
use crate::ice::failure::Failure;
use crate::ice::generation::{Change, Generation};
use crate::ice::selected::{Due, Selected};

/// How far apart the ticks are at which the checks of pairs that live leave.
const TICK: Duration = Duration::from_millis(100);

impl Agent {
    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.dirty = false;
        if self.failed {
            return;
        }
        self.current.take_held(self.now, &self.verified);
        self.current.drive(self.now);
        if let Some(previous) = &mut self.previous {
            previous.drive(self.now);
        }
        self.take_changes();
        self.watch_selected();
        self.watch_liveness();
        self.watch_deadline();
    }

    /// When to call [`Agent::handle_timeout`]; a time in the past means at once.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.failed {
            return None;
        }
        let mut generations = std::iter::once(&self.current).chain(self.previous.as_deref());
        if self.dirty || generations.any(Generation::has_more) {
            return Some(self.now);
        }
        let selected = self.selected.as_ref().map(Selected::next);
        let previous = self.previous.as_deref_mut();
        let previous = previous.and_then(Generation::poll_timeout);
        let current = self.current.poll_timeout();
        [
            current.map(|at| self.at_a_tick(at)),
            previous,
            selected,
            self.next_doubt(),
            self.deadline,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A pair that lives is checked at the next tick after its time: each turn of a loop costs more than a check.
    fn at_a_tick(&self, at: Instant) -> Instant {
        let is_at_rest = self.selected.is_some_and(|selected| selected.is_at_rest());
        let origin = self.config.ticks_from.filter(|_| is_at_rest);
        let Some(since) = origin.and_then(|origin| at.checked_duration_since(origin)) else {
            return at;
        };
        let past = since.as_nanos() % TICK.as_nanos();
        match past {
            0 => at,
            past => at + TICK - Duration::from_nanos(past as u64), // below 100 ms
        }
    }

    pub(super) fn take_changes(&mut self) {
        while let Some(previous) = &mut self.previous
            && let Some(change) = previous.poll_change(self.now)
        {
            match change {
                Change::Nominated(pair) => self.select(pair),
                Change::Exhausted => previous.rebuild(|source| self.verified.contains(source)),
            }
            self.dirty = true;
        }
        while let Some(change) = self.current.poll_change(self.now) {
            match change {
                Change::Nominated(pair) => {
                    if self.previous.take().is_some() {
                        // The new generation's pair is told even if it is the same.
                        self.selected = None;
                    }
                    self.select(pair);
                }
                Change::Exhausted => self.try_all_again(),
            }
        }
    }

    pub(super) fn select(&mut self, pair: Pair) {
        let is_same = self.selected_pair() == Some(pair);
        if self.selected.is_some_and(|selected| selected.is_doubtful()) {
            self.current.calm();
        }
        self.selected = Some(Selected::new(pair, self.now));
        self.lost = None;
        self.deadline = None;
        self.current.close_account();
        if !is_same {
            self.events.push_back(Event::Selected(pair));
        }
    }

    pub(super) fn lose(&mut self) {
        let lost = self.selected.take();
        self.lost = lost.map(|lost| (lost.pair.remote, lost.consent()));
        self.previous = None;
        self.deadline = Some(self.now + self.config.ice_timeout);
        self.events.push_back(Event::Disconnected);
        self.try_all_again();
    }

    pub(super) fn try_all_again(&mut self) {
        self.current
            .rebuild(|source| self.verified.contains(source));
        self.dirty = true;
    }

    fn watch_selected(&mut self) {
        while let Some(due) = self.selected.as_mut().and_then(|s| s.take_due(self.now)) {
            match (due, &self.previous) {
                (Due::Stop, _) => self.lose(),
                // A restart under way tries everything as it is.
                (_, Some(_)) => {}
                (Due::Doubt, None) => self.try_all_again(),
                (Due::Prune, None) => self.prune(),
            }
        }
    }

    /// Only the controlling side decides which pairs live; the peer's checks of
    /// the others then go unanswered and end.
    fn prune(&mut self) {
        if let (true, Some(pair)) = (self.controlling(), self.selected_pair()) {
            self.current.prune(pair);
        }
    }

    fn watch_deadline(&mut self) {
        let can_try = self.current.remote().is_some()
            && (self.end_of_candidates
                || self.current.was_asked()
                || !self.current.candidates().is_empty());
        let begins = can_try && !std::mem::replace(&mut self.tries, can_try);
        match self.deadline {
            _ if self.selected.is_some() => {}
            Some(deadline) if !begins && self.now >= deadline => self.fail(),
            Some(_) if !begins => {}
            _ => self.deadline = Some(self.now + self.patience()),
        }
    }

    /// How long is waited for what is missing.
    fn patience(&self) -> Duration {
        match self.current.remote() {
            Some(_) => self.config.ice_timeout,
            None => self.config.signalling_timeout,
        }
    }

    fn fail(&mut self) {
        self.failed = true;
        self.deadline = None;
        let reason = match self.lost {
            Some((remote, heard)) => Failure::Disconnected {
                remote,
                silent: self.now - heard,
            },
            None => Failure::NoPair(Box::new(self.current.evidence(self.patience()))),
        };
        self.events.push_back(Event::Failed(reason));
    }
}
