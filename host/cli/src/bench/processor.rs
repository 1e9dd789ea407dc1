//! The core everything runs on, and the CPU time spent there.
use crate::exit::Failed;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Keeps this thread, and all threads and programs it starts from now on, on one core. Returns which.
pub(super) fn pin() -> Result<usize, Failed> {
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
    Ok(core)
}

/// CPU time of all threads of this process so far.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("CPU time is not negative")
}
