//! What a process takes.
use std::fs;

/// Bytes of memory that a process has, by the system's id of it.
///
/// # Panics
/// It does not run, or this is not Linux.
pub fn resident(process_id: u32) -> usize {
    let statm = fs::read_to_string(format!("/proc/{process_id}/statm")).expect("it runs");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let pages: usize = pages.expect("the second word is a number");
    pages * rustix::param::page_size()
}
