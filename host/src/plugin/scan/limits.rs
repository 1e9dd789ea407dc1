//! What a scanner's child may use.
use crate::plugin::os::end_with_parent;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// Seconds of CPU time: more than the patience that a scanner has by itself.
const CPU: u64 = 20;
/// Bytes of memory that can be written to. Not of address space, of which a Go runtime reserves much.
const DATA: u64 = 1 << 30;
/// Bytes of a file.
const FILE: u64 = 64 << 20;

/// Limits this process, as far as the system can.
pub(super) fn apply() {
    // Where that does nothing, the limit of CPU time ends a child without its parent.
    end_with_parent();
    limit(Resource::Core, 0);
    limit(Resource::Cpu, CPU);
    limit(Resource::Fsize, FILE);
    // What a sanitizer has reserved already is far beyond it: then nothing could be allocated any more.
    if used().is_some_and(|used| used < DATA / 2) {
        limit(Resource::Data, DATA);
    }
}

/// Bytes of memory that this process can write to, as Linux counts them.
fn used() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmData:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

fn limit(resource: Resource, most: u64) {
    let stricter = getrlimit(resource)
        .maximum
        .map_or(most, |maximum| maximum.min(most));
    // Where it is refused, a stricter limit holds already.
    let _ = setrlimit(
        resource,
        Rlimit {
            current: Some(stricter),
            maximum: Some(stricter),
        },
    );
}
