//! Cores of the daemon's, and others for whoever asks it and measures.
use handclasp_tests::Daemon;
use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

/// Two parts of the cores there are: what asks and measures takes nothing from the daemon. Of a single core both have it.
pub(super) struct Cores {
    daemon: CpuSet,
    others: CpuSet,
}

impl Cores {
    /// This thread, and all that it starts, stays on those that are not the daemon's.
    pub(super) fn divide() -> Self {
        let all = sched_getaffinity(None).expect("it runs somewhere");
        let numbers = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        let (mut daemon, mut others) = (CpuSet::new(), CpuSet::new());
        for (index, core) in numbers.enumerate() {
            match index % 2 {
                0 => others.set(core),
                _ => daemon.set(core),
            }
        }
        if daemon.count() == 0 {
            daemon = others;
        }
        sched_setaffinity(None, &others).expect("it may run there");
        Self { daemon, others }
    }

    /// Starts a daemon on its cores.
    pub(super) fn for_daemon(&self, start: impl FnOnce() -> Daemon) -> Daemon {
        sched_setaffinity(None, &self.daemon).expect("it may run there");
        let daemon = start();
        sched_setaffinity(None, &self.others).expect("it may run there");
        daemon
    }
}

/// This thread lets all others go first.
pub(super) fn stand_back() {
    setpriority_process(Some(gettid()), 19).expect("anybody may be nice");
}
