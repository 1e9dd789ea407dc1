//! What the process has.
use std::fs;

/// Descriptors, threads, and memory of its own in KiB.
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
            memory: own_memory(),
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

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).expect("Linux has it").count()
}

/// Without what a file has the same.
fn own_memory() -> usize {
    let sums = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it");
    let anonymous = sums
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = anonymous.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|it| it.parse().ok())
        .expect("it is a number")
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
