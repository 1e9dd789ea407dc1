//! A new generation that takes a share of the opens first.
use super::generation::Tally;
use std::time::{Duration, Instant};

/// How a new generation is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CanaryPolicy {
    /// The share of opens that it takes, 0 to 1; with 1 it is not tried.
    pub(crate) share: f64,
    /// By how much its share of failures may exceed that of the old one, 0 to 1.
    pub(crate) margin: f64,
    /// How many of its streams must have come to something before it is judged.
    pub(crate) streams: u64,
    /// How long it is tried at least.
    pub(crate) duration: Duration,
}

/// A trial under way: no clock, no plugin, only counts.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    policy: CanaryPolicy,
    began: Instant,
    /// What the old generation had come to when the trial began.
    old: Tally,
    opens: u64,
}

/// What to do with a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Wait,
    /// It takes all opens.
    Promote,
    /// It goes; so many of 100 of its streams failed, and of the old one's.
    GoBack {
        new: f64,
        old: f64,
    },
}

impl Trial {
    pub(super) fn new(policy: CanaryPolicy, now: Instant, old: Tally) -> Self {
        Self {
            policy,
            began: now,
            old,
            opens: 0,
        }
    }

    /// Whether the new generation takes this open: evenly spread, as often as its share says.
    pub(super) fn takes_next(&mut self) -> bool {
        let taken = |opens: u64| (opens as f64 * self.policy.share).floor();
        let before = taken(self.opens);
        self.opens += 1;
        taken(self.opens) > before
    }

    /// `new` is what the trial's generation has come to, and `old` all that the old one has.
    pub(super) fn judge(&self, now: Instant, new: Tally, old: Tally) -> Verdict {
        if new.decided() < self.policy.streams.max(1) {
            return Verdict::Wait;
        }
        let (new, old) = (new.failure_rate(), old.since(self.old).failure_rate());
        if new > old + self.policy.margin {
            return Verdict::GoBack {
                new: new * 100.0,
                old: old * 100.0,
            };
        }
        match now.duration_since(self.began) >= self.policy.duration {
            true => Verdict::Promote,
            false => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(share: f64) -> (Trial, Instant) {
        let policy = CanaryPolicy {
            share,
            margin: 0.05,
            streams: 20,
            duration: Duration::from_secs(60),
        };
        let now = Instant::now();
        let old = Tally {
            opened: 100,
            ready: 50,
            failed: 50,
        };
        (Trial::new(policy, now, old), now)
    }

    fn tally(ready: u64, failed: u64) -> Tally {
        Tally {
            opened: ready + failed,
            ready,
            failed,
        }
    }

    #[test]
    fn it_takes_its_share_of_opens_evenly() {
        for (share, expected) in [(0.0, 0), (0.05, 50), (0.333, 333), (1.0, 1000)] {
            let (mut trial, _) = trial(share);
            let taken = (0..1000).filter(|_| trial.takes_next()).count();
            assert_eq!(taken, expected, "{share}");
        }
        let (mut trial, _) = trial(0.25);
        let taken: Vec<_> = (0..8).map(|_| trial.takes_next()).collect();
        let (yes, no) = (true, false);
        assert_eq!(taken, [no, no, no, yes, no, no, no, yes]);
    }

    #[test]
    fn it_is_judged_by_enough_streams_against_what_the_old_one_did_meanwhile() {
        let (trial, now) = trial(0.1);
        let later = now + Duration::from_secs(60);
        let old = tally(150, 50); // in the trial 100 of 100 were ready
        assert_eq!(trial.judge(later, tally(0, 19), old), Verdict::Wait);
        let verdict = trial.judge(now, tally(18, 2), old);
        assert!(matches!(verdict, Verdict::GoBack { new, old } if new == 10.0 && old == 0.0));
        assert_eq!(trial.judge(now, tally(20, 0), old), Verdict::Wait);
        assert_eq!(trial.judge(later, tally(20, 0), old), Verdict::Promote);
        // Where half of the old one's fail as well, half of the new one's are no reason.
        let old = tally(100, 100);
        assert_eq!(trial.judge(later, tally(10, 10), old), Verdict::Promote);
    }
}
