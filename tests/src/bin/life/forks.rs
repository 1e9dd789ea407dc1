//! A process that is forked from one with hosts, and has none of its threads.
#![allow(unsafe_code)]
use super::host;
use super::hosts::bring_to_ready;
use handclasp::KeyLog;
use handclasp::plugin::{PrivateCopies, Scratch, vet};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::env::consts::DLL_SUFFIX;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Seconds after which a child that hangs is ended.
const PATIENCE: u32 = 60;

/// The child drops all that it has, and then its parent goes on.
pub(super) fn child_that_drops(directory: &Path) {
    let found = vet(&directory.join(format!("none{DLL_SUFFIX}"))).expect("it is built");
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    let scratch = Scratch::new().expect("there is room");
    let key_log = KeyLog::open(&scratch.path().join("keys")).expect("it is a new file");
    let host = host(directory, 2, Some(key_log)).expect("a host");
    let streams = bring_to_ready(&host);
    let kept = [copy.path().to_owned(), scratch.path().to_owned()];
    // SAFETY: the child calls nothing but what is to be tested.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: nobody else waits for this signal.
        unsafe { libc::alarm(PATIENCE) };
        let all = (streams, host, copy, copies, scratch);
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            drop(all);
            Scratch::remove_all();
        }));
        // SAFETY: nothing of this process is to run any more.
        unsafe { libc::_exit(dropped.is_err().into()) }
    }
    let child = Pid::from_raw(child).expect("there is a child");
    let ended = waitpid(Some(child), WaitOptions::empty()).expect("it is a child of this process");
    let status = ended.expect("it was waited for").1;
    assert_eq!(status.exit_status(), Some(0), "{status:?}");
    for path in kept {
        assert!(path.exists(), "{} is gone", path.display());
    }
    drop(bring_to_ready(&host));
}
