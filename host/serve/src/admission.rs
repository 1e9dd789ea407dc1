//! Whether one more stream is taken on.
use crate::settings::Limits;
use std::time::{Duration, Instant};

/// How much the daemon has on its hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) streams: usize,
    pub(crate) streams_of_client: usize,
    pub(crate) half_open: usize,
    /// How late the latest event loop is.
    pub(crate) lag: Duration,
}

/// Opens of late.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Opens that may follow at once.
    tokens: f64,
    refilled: Instant,
}

/// Why a stream is not taken on, and when to ask again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Busy {
    /// For programs.
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    pub(crate) retry_after: Duration,
}

/// When to ask again at the soonest: there may be room for one more stream at once, but not for all that were refused.
const SOONEST: Duration = Duration::from_millis(100);

impl Admission {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tokens: f64::INFINITY,
            refilled: now,
        }
    }

    /// Takes one more stream on, or says why not.
    pub(crate) fn admit(&mut self, now: Instant, limits: &Limits, load: Load) -> Result<(), Busy> {
        let busy = |kind, reason, retry_after| {
            Err(Busy {
                kind,
                reason,
                retry_after,
            })
        };
        let second = Duration::from_secs(1);
        if load.streams >= limits.streams {
            let reason = format!(
                "{} streams run, as many as limits.max-streams allows",
                load.streams
            );
            return busy("streams", reason, 5 * second);
        }
        if load.streams_of_client >= limits.streams_per_client {
            let reason = format!(
                "{} streams of this connection run, as many as limits.max-streams-per-client allows",
                load.streams_of_client
            );
            return busy("client", reason, 5 * second);
        }
        if load.half_open >= limits.half_open {
            let reason = format!(
                "{} streams are not ready yet, as many as limits.max-half-open allows",
                load.half_open
            );
            return busy("half_open", reason, second);
        }
        if load.lag > limits.lag {
            let reason = format!(
                "an event loop is {:.0} ms late, and limits.max-lag is {:.0} ms",
                load.lag.as_secs_f64() * 1e3,
                limits.lag.as_secs_f64() * 1e3
            );
            return busy("lag", reason, second);
        }
        if limits.opens_per_second == 0 {
            return Ok(());
        }
        let rate = f64::from(limits.opens_per_second);
        let burst = f64::from(limits.burst.max(1));
        let passed = now.duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.refilled = now;
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / rate);
            let reason = format!(
                "more than {rate} streams a second are asked for (limits.opens-per-second)"
            );
            return busy("rate", reason, wait.max(SOONEST));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            streams: 10,
            streams_per_client: 5,
            half_open: 3,
            opens_per_second: 0,
            burst: 20,
            lag: Duration::from_millis(100),
        }
    }

    fn kind(limits: Limits, load: Load) -> Option<&'static str> {
        let now = Instant::now();
        let refused = Admission::new(now).admit(now, &limits, load);
        refused.err().map(|busy| busy.kind)
    }

    #[test]
    fn each_limit_refuses_what_is_beyond_it_and_says_which_it_is() {
        let limits = limits();
        let load = Load {
            streams: 9,
            streams_of_client: 4,
            half_open: 2,
            lag: limits.lag,
        };
        assert_eq!(kind(limits, load), None);
        assert_eq!(
            kind(
                limits,
                Load {
                    streams: 10,
                    ..load
                }
            ),
            Some("streams")
        );
        let of_client = Load {
            streams_of_client: 5,
            ..load
        };
        assert_eq!(kind(limits, of_client), Some("client"));
        assert_eq!(
            kind(
                limits,
                Load {
                    half_open: 3,
                    ..load
                }
            ),
            Some("half_open")
        );
        let lag = limits.lag + Duration::from_millis(1);
        assert_eq!(kind(limits, Load { lag, ..load }), Some("lag"));
    }

    #[test]
    fn so_many_are_opened_at_once_and_then_so_many_a_second() {
        let limits = Limits {
            opens_per_second: 10,
            ..limits()
        };
        let start = Instant::now();
        let mut admission = Admission::new(start);
        let mut admit = |now| admission.admit(now, &limits, Load::default());
        let at_once = (0..100).filter(|_| admit(start).is_ok()).count();
        assert_eq!(at_once, 20);
        let busy = admit(start).expect_err("there were too many");
        assert_eq!(
            (busy.kind, busy.retry_after),
            ("rate", Duration::from_millis(100))
        );
        let almost = start + Duration::from_nanos(99_999_999);
        let busy = admit(almost).expect_err("there is none yet");
        assert_eq!(busy.retry_after, SOONEST, "and not at once");
        let later = start + Duration::from_millis(101);
        assert!(admit(later).is_ok() && admit(later).is_err());
        let later = (0..950).filter(|n| admit(later + Duration::from_millis(*n)).is_ok());
        assert_eq!(later.count(), 9);
    }
}
