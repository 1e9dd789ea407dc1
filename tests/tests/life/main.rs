//! What processes with hosts begin and end, each of them a process of its own: hosts that come and go, the process that
//! ends in the middle of calls, and one that is forked.
mod ends;
mod hosts;
mod stress;

use handclasp_tests::{plugins, text};
use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs a process that does this.
fn life<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_life"));
    command.args(words).output().expect("it was built")
}

/// What such a process has said, which has ended well.
#[track_caller]
fn said<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let output = life(words);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_host_that_cannot_be_made_leaves_neither_threads_nor_descriptors() {
    said([OsStr::new("failed"), plugins().as_os_str()]);
}

#[test]
fn a_forked_process_that_drops_its_hosts_takes_nothing_from_its_parent() {
    said([OsStr::new("fork"), plugins().as_os_str()]);
}
