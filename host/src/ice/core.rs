//! The ICE core, `is`, as it is used here.

use std::time::Duration;

use is::{IceAgent, IceCreds};

use super::tcp::local_preference;
use super::usernames::in_core;
use super::{Config, Credentials};

/// Pace of checks, Ta: RFC 8445 §14.2 allows 5 ms and proposes 50.
pub(super) const TIMING_ADVANCE: Duration = Duration::from_millis(20);

/// How many checks may leave faster than that, in answer to what the peer does: triggered checks, and a nomination.
pub(super) const TRIGGERED: u32 = 10;

/// When a check is sent again: first after `initial_rto`, which doubles up to
/// `max_rto`; a pair with `attempts` checks unanswered in a row is given up.
pub(super) struct Rhythm {
    initial_rto: Duration,
    max_rto: Duration,
    attempts: usize,
}

/// While a pair is sought: loss costs little time, and Ta bounds the traffic.
/// A pair is given up after 3.5 s, and all are tried again.
pub(super) const EAGER: Rhythm = Rhythm {
    initial_rto: Duration::from_millis(50),
    max_rto: Duration::from_millis(200),
    attempts: 18,
};

/// Once both sides have agreed on a pair: `max_rto` is how often each checks
/// that it lives.
pub(super) const SETTLED: Rhythm = Rhythm {
    initial_rto: Duration::from_millis(250),
    max_rto: Duration::from_secs(3),
    attempts: 9,
};

/// While it is in doubt that the selected pair lives: it and its rivals are checked as often as Ta lets them.
pub(super) const HASTY: Rhythm = Rhythm {
    initial_rto: Duration::from_millis(75),
    max_rto: Duration::from_millis(75),
    attempts: 40,
};

impl Rhythm {
    pub(super) fn apply(&self, core: &mut IceAgent) {
        core.set_initial_stun_rto(self.initial_rto);
        core.set_max_stun_rto(self.max_rto);
        core.set_max_stun_retransmits(self.attempts);
    }
}

/// A core without candidates that seeks a pair.
pub(super) fn new_core(local: &Credentials, controlling: bool, config: &Config) -> IceAgent {
    let mut core = IceAgent::new(to_core(local));
    core.set_controlling(controlling);
    core.set_control_tie_breaker(config.tie_breaker);
    core.set_local_preference(local_preference);
    core.set_timing_advance(TIMING_ADVANCE);
    EAGER.apply(&mut core);
    core
}

pub(super) fn to_core(credentials: &Credentials) -> IceCreds {
    IceCreds {
        ufrag: in_core(credentials.ufrag()).into_owned(),
        pass: credentials.pwd().to_owned(),
    }
}
