//! A host that cannot be made.
use super::host;
use super::hosts::entries;
use handclasp_tests::await_that;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;

/// More descriptors than the log, a few loops and whoever looks at /proc need, and fewer than many loops.
const FEW: u64 = 20;
const MANY: usize = 64;

/// There is a limit of descriptors that some of its loops find and others do not.
pub(super) fn no_host(directory: &Path) {
    let before = entries("/proc/self/fd");
    let limit = getrlimit(Resource::Nofile);
    let low = Rlimit {
        current: Some(before as u64 + FEW),
        ..limit
    };
    setrlimit(Resource::Nofile, low).expect("it may be lowered");
    let refused = host(directory, MANY, None).expect_err("it has no descriptors");
    await_that("its threads end", || entries("/proc/self/task") == 1);
    assert_eq!(entries("/proc/self/fd"), before, "{refused}");
}
