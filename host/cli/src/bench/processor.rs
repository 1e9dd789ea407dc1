//! The core everything runs on, and the CPU time spent there.
use crate::exit::Failed;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Keeps this thread, and all threads and programs it starts from now on, on one core. Returns which.
pub(super) fn pin() -> Result<Pinned, Failed> {
    let failed = |error| Failed::new(format!("cannot stay on one core: {error}"));
    let allowed = sched_getaffinity(None).map_err(failed)?;
    // The last: interrupts and other people's work gather on the first.
    let core = (0..CpuSet::MAX_CPU)
        .rev()
        .find(|core| allowed.is_set(*core))
        .expect("this thread runs somewhere");
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).map_err(failed)?;
    Ok(Pinned { core, allowed })
}

/// The core that everything is kept on, unless something asks for more.
pub(super) struct Pinned {
    pub(super) core: usize,
    allowed: CpuSet,
}

impl Pinned {
    /// Does `work` while this thread, and the threads that it starts, have so many cores.
    pub(super) fn with_cores<T>(
        &self,
        count: u32,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        let failed = |error| format!("cannot choose cores: {error}");
        let now = sched_getaffinity(None).map_err(failed)?;
        let mut chosen = now;
        let others = (0..CpuSet::MAX_CPU).filter(|core| self.allowed.is_set(*core));
        for core in others {
            if chosen.count() < count {
                chosen.set(core);
            }
        }
        if chosen.count() < count {
            return Err(format!("this process may not use {count} cores"));
        }
        sched_setaffinity(None, &chosen).map_err(failed)?;
        let done = work();
        sched_setaffinity(None, &now).map_err(failed)?;
        done
    }
}

/// CPU time of all threads of this process so far.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("CPU time is not negative")
}
