//! Signals that a process started here takes.
use rustix::process::Signal;
use std::fs;

/// Those that are not ignored here, as shells have it with SIGINT in what runs in the background: children inherit that,
/// and the command goes by it.
pub fn heard(signals: impl IntoIterator<Item = Signal>) -> Vec<Signal> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map_or(0, |mask| {
        u64::from_str_radix(mask.trim(), 16).expect("a mask in hexadecimal")
    });
    let is_heard = |signal: &Signal| ignored >> (signal.as_raw() - 1) & 1 == 0;
    signals.into_iter().filter(is_heard).collect()
}
