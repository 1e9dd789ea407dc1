//! How long calls take, and whether they wait in them.
//!
//! A machine that is busy must not make a plugin guilty: time that a thread stands in line for a processor counts for
//! nothing, and a call waits only if its thread has gone to sleep. Linux tells both, of each thread.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What calls of one name cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// The most time of a processor.
    pub(crate) work: Duration,
    /// The longest sleep.
    pub(crate) wait: Duration,
}

/// Measures calls into the plugin.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// How many of the next calls are measured, which costs more than most calls: of others only the time is.
    closely: AtomicU32,
    /// Calls that go on: those that go on together may wait for each other.
    underway: AtomicU32,
    /// Calls that have begun: one that has seen no other begin, nor go on, was alone.
    begun: AtomicU64,
    costs: Mutex<BTreeMap<&'static str, Cost>>,
    /// Calls that have waited.
    waits: AtomicU32,
    /// Nothing is measured: a sanitizer takes time of its own, and lets threads wait for each other.
    is_off: bool,
}

/// What to do about calls that take long.
pub(crate) const REMEDY: &str = "do what takes long on a thread of the plugin's own, and ask for on_wake (hc.wake/1) when it is done: \
             meanwhile the host serves no other component nearby";
/// A call other than `init` must not wait as long as this.
pub(crate) const WAIT: Duration = Duration::from_millis(100);
/// Calls that are measured after a long one.
const WATCHED: u32 = 50;
/// After so many calls that have waited, a check has seen enough, and would take too long.
pub(crate) const ENOUGH: u32 = 30;

impl Meter {
    pub(crate) fn new(sanitized: bool) -> Self {
        Self {
            is_off: sanitized,
            ..Self::default()
        }
    }

    /// Measures every call from now on.
    pub(crate) fn look_closely(&self) {
        self.closely.store(u32::MAX, Ordering::Relaxed);
    }

    /// What calls have cost since this was asked last, by their names.
    pub(crate) fn take(&self) -> BTreeMap<&'static str, Cost> {
        std::mem::take(&mut self.costs())
    }

    /// Makes a call. Returns how long it waited if that was long, and it was one too many.
    pub(crate) fn measure<T>(
        &self,
        name: &'static str,
        call: impl FnOnce() -> T,
    ) -> (T, Option<Duration>) {
        if self.is_off {
            return (call(), None);
        }
        let closely = |left: u32| match left {
            0 | u32::MAX => None,
            left => Some(left - 1),
        };
        let left = match self
            .closely
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, closely)
        {
            Ok(left) | Err(left) => left,
        };
        let before = (left > 0).then(Usage::now).flatten();
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let is_alone = self.underway.fetch_add(1, Ordering::Relaxed) == 0;
        let started = Instant::now();
        let answer = call();
        let took = started.elapsed();
        self.underway.fetch_sub(1, Ordering::Relaxed);
        let is_alone = is_alone && self.begun.load(Ordering::Relaxed) == number;
        if took >= WAIT {
            self.closely.fetch_max(WATCHED, Ordering::Relaxed);
        }
        let used = before.and_then(|before| Some(Usage::now()?.since(before)));
        let Some(used) = used.filter(|_| is_alone && name != "init") else {
            return (answer, None);
        };
        let wait = used.wait_in(took);
        let mut costs = self.costs();
        let cost = costs.entry(name).or_default();
        cost.work = cost.work.max(used.work);
        cost.wait = cost.wait.max(wait);
        let is_enough = wait >= WAIT && self.waits.fetch_add(1, Ordering::Relaxed) + 1 >= ENOUGH;
        (answer, is_enough.then_some(wait))
    }

    fn costs(&self) -> MutexGuard<'_, BTreeMap<&'static str, Cost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this thread has had of the system.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// Time on a processor.
    work: Duration,
    /// Time in line for one.
    queued: Duration,
    /// How often it went to sleep by itself.
    sleeps: u64,
}

impl Usage {
    /// Nothing where the system does not tell.
    #[cfg(target_os = "linux")]
    fn now() -> Option<Self> {
        use rustix::time::{ClockId, clock_gettime};
        let work = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()?;
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let queued = times.split_whitespace().nth(1)?.parse().ok()?;
        let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
        let sleeps = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        Some(Self {
            work,
            queued: Duration::from_nanos(queued),
            sleeps: sleeps.trim().parse().ok()?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Option<Self> {
        None
    }

    fn since(self, before: Self) -> Self {
        Self {
            work: self.work.saturating_sub(before.work),
            queued: self.queued.saturating_sub(before.queued),
            sleeps: self.sleeps.saturating_sub(before.sleeps),
        }
    }

    /// How much of a call's time the thread slept.
    fn wait_in(self, took: Duration) -> Duration {
        match self.sleeps {
            0 => Duration::ZERO,
            _ => took.saturating_sub(self.work + self.queued),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::thread;

    fn cost_of(call: impl FnOnce()) -> Cost {
        let meter = Meter::default();
        meter.look_closely();
        meter.measure("close", call);
        meter.take()["close"]
    }

    #[test]
    fn sleep_is_a_wait_and_work_is_none() {
        let asleep = cost_of(|| thread::sleep(WAIT));
        assert!(asleep.wait > WAIT / 2 && asleep.work < WAIT, "{asleep:?}");
        let busy = cost_of(|| {
            let started = Instant::now();
            while started.elapsed() < WAIT {
                black_box(());
            }
        });
        assert!(busy.wait < WAIT / 2, "{busy:?}");
    }

    #[test]
    fn what_goes_on_beside_another_call_is_not_judged_nor_is_init() {
        let meter = Meter::default();
        meter.look_closely();
        meter.measure("init", || thread::sleep(WAIT));
        meter.measure("close", || {
            thread::scope(|scope| {
                scope.spawn(|| meter.measure("destroy", || ()));
            });
        });
        assert!(meter.take().is_empty());
    }

    #[test]
    fn one_long_call_makes_it_look_closely_and_many_are_enough() {
        let meter = Meter::default();
        let wait = || meter.measure("close", || thread::sleep(WAIT + WAIT / 2)).1;
        assert_eq!(wait(), None, "the first is not measured");
        meter.waits.store(ENOUGH - 2, Ordering::Relaxed);
        assert_eq!(wait(), None);
        assert!(wait().is_some_and(|wait| wait >= WAIT));
    }
}
