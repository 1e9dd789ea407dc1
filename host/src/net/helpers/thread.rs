//! What the system knows of a thread.

/// A thread of this process, while it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadId {
    #[cfg(target_os = "linux")]
    id: rustix::thread::Pid,
}

impl ThreadId {
    /// The calling thread.
    pub(super) fn current() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            id: rustix::thread::gettid(),
        }
    }

    /// Whether it waits for something other than a processor; also where the system does not say.
    #[cfg(target_os = "linux")]
    pub(super) fn is_asleep(self) -> bool {
        let path = format!("/proc/self/task/{}/stat", self.id.as_raw_nonzero());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // The name, in parentheses, may have anything in it.
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        state != Some('R')
    }

    /// Whether it waits for something other than a processor; also where the system does not say.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_asleep(self) -> bool {
        true
    }
}
