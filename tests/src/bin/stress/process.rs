//! What the process has.
use std::fs;

/// Descriptors, threads, and allocated memory in KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Has {
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    pub(super) memory: usize,
}

impl Has {
    pub(super) fn now() -> Self {
        Self {
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            memory: allocated(),
        }
    }

    /// The most of each.
    pub(super) fn most(all: &[Self]) -> Self {
        let most = |of: fn(&Self) -> usize| all.iter().map(of).max().unwrap_or_default();
        Self {
            descriptors: most(|it| it.descriptors),
            threads: most(|it| it.threads),
            memory: most(|it| it.memory),
        }
    }
}

/// KiB that are allocated: what the allocator keeps beside them depends on which threads have allocated when.
#[allow(unsafe_code)]
fn allocated() -> usize {
    // SAFETY: it may be called at any time.
    let all = unsafe { libc::mallinfo2() };
    (all.uordblks + all.hblkhd) / 1024
}

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).expect("Linux has it").count()
}

/// A line for each thread: its name and what it does in the kernel.
pub(super) fn threads() -> String {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let line = |task: fs::DirEntry| {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let (name, waits, call) = (read("comm"), read("wchan"), read("syscall"));
        format!("  {:15} {waits:24} {}\n", name.trim(), call.trim())
    };
    tasks.flatten().map(line).collect()
}
