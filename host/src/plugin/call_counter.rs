//! How often a plugin is called, and how long that takes.
use super::fault::CallName;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The calls of one name into a plugin so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCount {
    /// Which.
    pub name: CallName,
    /// How many have returned.
    pub calls: u64,
    /// How long they took together, by the clock.
    pub time: Duration,
}

/// Counts the calls into one plugin, on any thread.
#[derive(Debug, Default)]
pub(super) struct CallCounter([Counts; CallName::ALL.len()]);

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    nanos: AtomicU64,
}

impl CallCounter {
    /// A call that began then has returned.
    pub(super) fn add(&self, name: CallName, began: Instant) {
        let counts = &self.0[name as usize];
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Statistics: nothing is read in an order with other memory.
        counts.calls.fetch_add(1, Ordering::Relaxed);
        counts.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Those that there have been.
    pub(super) fn read(&self) -> Vec<CallCount> {
        let all = CallName::ALL.into_iter().map(|name| {
            let counts = &self.0[name as usize];
            CallCount {
                name,
                calls: counts.calls.load(Ordering::Relaxed),
                time: Duration::from_nanos(counts.nanos.load(Ordering::Relaxed)),
            }
        });
        all.filter(|count| count.calls > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_count() {
        let counter = CallCounter::default();
        assert_eq!(counter.read(), []);
        for name in CallName::ALL {
            counter.add(name, Instant::now());
        }
        counter.add(CallName::OnWake, Instant::now());
        for count in counter.read() {
            let expected = 1 + u64::from(count.name == CallName::OnWake);
            assert_eq!(count.calls, expected, "{count:?}");
        }
        assert_eq!(counter.read().len(), CallName::ALL.len());
    }
}
