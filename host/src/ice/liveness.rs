//! Whether the selected pair still carries what is sent over it, and where data goes if it does not.
//!
//! A reason for doubt is a silence where the peer's data came, a check that is not answered, or a peer that
//! checks another pair again and again. The pair is then checked often, and a little later its rivals with it.
//! One answer ends the doubt. Where there is none, data moves to the first rival that has answered.

use std::time::{Duration, Instant};

use super::{Pair, Transport};

/// The shortest silence of a peer that was sending which is a reason.
const SILENCE: Duration = Duration::from_millis(400);
/// How many times the usual time between two datagrams it must last, for some are lost.
const GAPS: u32 = 6;
/// Where that is longer, checks notice as soon.
const MAX_SILENCE: Duration = Duration::from_secs(3);
/// For how long a check is unanswered that is a reason.
const LATE: Duration = Duration::from_secs(1);
/// How far apart two checks of another pair come from a peer that has doubts: a settled one makes a longer
/// pause, and copies made on the way come closer together.
const BURST: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(40)..=Duration::from_millis(300);
/// How long after the selection, and after an unfounded doubt, the peer's checks are no reason.
const YOUNG: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_secs(3);
/// How long the pair is checked alone.
const ALONE: Duration = Duration::from_millis(200);
/// How many checks in a row go unanswered on a dead pair: of a peer that has fallen silent, of one that checks
/// another pair, and where checks alone speak against the pair. Where three of ten datagrams are lost each way, one
/// in 57 of such rows is chance; one in 430; one in 48,000.
const LOST: u32 = 6;
const LOST_CALLED: u32 = 9;
const LOST_ALONE: u32 = 16;
/// How long the pair is checked often.
const HASTE: Duration = Duration::from_secs(2);
/// What an answer takes, before the first one.
const UNKNOWN_ANSWER: Duration = Duration::from_millis(200);

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// To check the pair often.
    Check,
    /// To check its rivals as well.
    CheckRivals,
    /// To check as before: nobody answers.
    Rest,
    /// To move data to a rival that has answered.
    Move(Pair),
}

/// What is known of the pair in use. Datagrams cost a few instructions, and no timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liveness {
    selected: Instant,
    /// When the peer's data last came, if it has since the last doubt.
    heard: Option<Instant>,
    /// The usual time between two datagrams.
    gap: Duration,
    /// Checks sent since the last answer, and when the first was.
    unanswered: u32,
    first: Option<Instant>,
    /// When as many had been sent as prove that the pair is dead.
    enough: Option<Instant>,
    /// What an answer takes.
    round_trip: Option<Duration>,
    /// Another pair, and when the peer checked it.
    other: Option<(Pair, Instant)>,
    is_called: bool,
    /// Until when the peer's checks are no reason.
    deaf: Instant,
    doubt: Option<Doubt>,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: Instant,
    /// How many checks must be lost.
    needed: u32,
    /// The first other pair that has answered.
    rival: Option<Pair>,
    checks_rivals: bool,
    rests: bool,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            selected: now,
            heard: None,
            gap: Duration::ZERO,
            unanswered: 0,
            first: None,
            enough: None,
            round_trip: None,
            other: None,
            is_called: false,
            deaf: now + YOUNG,
            doubt: None,
        }
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubt.is_some()
    }

    /// Whether there is no doubt, and every check is answered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.doubt.is_none() && self.unanswered == 0
    }

    /// Data of the peer's has come over the pair. Tells whether [`Liveness::next`] is earlier than it was.
    pub(super) fn note_data(&mut self, now: Instant) -> bool {
        let Some(before) = self.heard.replace(now) else {
            return self.doubt.is_none();
        };
        let gap = now.saturating_duration_since(before);
        self.gap = match self.gap {
            Duration::ZERO => gap,
            usual => (usual * 7 + gap) / 8,
        };
        false
    }

    /// A check leaves on the pair.
    pub(super) fn note_check(&mut self, now: Instant) {
        self.unanswered = self.unanswered.saturating_add(1);
        self.first.get_or_insert(now);
        if self.unanswered >= self.needed() {
            self.enough.get_or_insert(now);
        }
    }

    /// The peer has answered a check on the pair. Tells whether that ends a doubt.
    pub(super) fn note_answer(&mut self, now: Instant) -> bool {
        if let (1, Some(sent)) = (self.unanswered, self.first) {
            self.round_trip = Some(now.saturating_duration_since(sent));
        }
        self.unanswered = 0;
        self.first = None;
        self.enough = None;
        self.is_called = false;
        let was_doubtful = self.doubt.take().is_some();
        if was_doubtful {
            self.heard = None; // a pause, until there is data again
            self.deaf = now + REST;
        }
        was_doubtful
    }

    /// The peer checks another pair.
    pub(super) fn note_other(&mut self, now: Instant, pair: Pair) {
        let since = |at: Instant| now.saturating_duration_since(at);
        let is_burst = self
            .other
            .is_some_and(|(other, at)| other == pair && BURST.contains(&since(at)));
        if self.other.is_none_or(|(_, at)| since(at) > *BURST.end()) {
            self.other = Some((pair, now));
        }
        self.is_called |= is_burst && now >= self.deaf;
    }

    /// Another pair has answered a check.
    pub(super) fn note_rival(&mut self, pair: Pair) {
        if let Some(doubt) = &mut self.doubt {
            doubt.rival.get_or_insert(pair);
        }
    }

    /// When [`Liveness::take_due`] has something to say, but for a late check, which the next one finds.
    pub(super) fn next(&self) -> Option<Instant> {
        let Some(doubt) = &self.doubt else {
            let called = self.is_called.then_some(self.selected);
            return called.or_else(|| self.silence());
        };
        let move_at = doubt.rival.and_then(|_| self.proven());
        let rivals_at = (!doubt.checks_rivals).then_some(doubt.since + ALONE);
        let rest_at = (!doubt.rests).then_some(doubt.since + HASTE);
        [move_at, rivals_at, rest_at].into_iter().flatten().min()
    }

    /// Says each thing once; called again after each.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let proven = self.proven().is_some_and(|at| now >= at);
        let Some(doubt) = &mut self.doubt else {
            return self.take_reason(now);
        };
        if let Some(rival) = doubt.rival.filter(|_| proven) {
            return Some(Due::Move(rival));
        }
        if !doubt.checks_rivals && now >= doubt.since + ALONE {
            doubt.checks_rivals = true;
            return Some(Due::CheckRivals);
        }
        if !doubt.rests && now >= doubt.since + HASTE {
            doubt.rests = true;
            return Some(Due::Rest);
        }
        None
    }

    fn take_reason(&mut self, now: Instant) -> Option<Due> {
        let is_silent = self.silence().is_some_and(|at| now >= at);
        let is_called = std::mem::take(&mut self.is_called);
        let is_late = self.first.is_some_and(|first| now >= first + LATE);
        if !(is_silent || is_called || is_late) {
            return None;
        }
        self.doubt = Some(Doubt {
            since: now,
            needed: match (is_silent, is_called) {
                (true, _) => LOST,
                (false, true) => LOST_CALLED,
                (false, false) => LOST_ALONE,
            },
            rival: None,
            checks_rivals: false,
            rests: false,
        });
        if self.unanswered >= self.needed() {
            self.enough = Some(now);
        }
        Some(Due::Check)
    }

    /// When the peer has been silent for too long.
    fn silence(&self) -> Option<Instant> {
        let silence = SILENCE.max(self.gap * GAPS);
        let heard = self.heard.filter(|_| silence <= MAX_SILENCE)?;
        Some(heard + silence)
    }

    /// When the checks that would prove the pair alive could all have been answered. Where data comes, checks alone
    /// prove nothing: if only the other direction is dead, the peer will call.
    fn proven(&self) -> Option<Instant> {
        let answer = self.round_trip.unwrap_or(UNKNOWN_ANSWER);
        let proven = self.enough? + answer + answer / 2 + Duration::from_millis(50);
        let heard = self.heard.filter(|_| self.needed() == LOST_ALONE);
        Some(heard.map_or(proven, |heard| proven.max(heard + SILENCE)))
    }

    fn needed(&self) -> u32 {
        self.doubt.map_or(LOST_ALONE, |doubt| doubt.needed)
    }
}

/// Whether silence means something on a pair: over TCP it may be one lost segment.
pub(super) fn is_watched(pair: Pair) -> bool {
    pair.transport == Transport::Udp
}
