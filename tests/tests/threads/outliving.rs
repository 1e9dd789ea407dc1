//! A plugin's thread that outlives its host.
use crate::alone;
use crate::streams::{PATIENCE, Streams, options};
use handclasp_tests::fixture;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_plugin_s_thread_calls_its_host_when_that_is_gone() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
    let beat = directory.path().join("beat");
    fs::write(&beat, "").expect("the directory was just made");
    let library = directory.path().join("restless.so");
    fs::copy(fixture("restless", &[]), library).expect("it was just compiled");
    let streams = Streams::among(2, vec![directory.path().to_owned()]);
    let path = beat
        .to_str()
        .expect("temporary directories have plain names");
    let stream = streams.open(0, &options("restless", &[("beat", path)]));
    streams.expect_started();
    wait_for_beats(&beat, 3);
    drop((stream, streams));
    // Event loops and helpers have ended, and the plugin's thread-local variables with them.
    wait_for_beats(&beat, 3);
}

/// Waits until the plugin's thread has called everything so many times more.
fn wait_for_beats(file: &Path, times: usize) {
    let beats = || fs::read(file).expect("it is there").len();
    let (enough, start) = (beats() + times, Instant::now());
    while beats() < enough {
        assert!(start.elapsed() < PATIENCE, "its thread does nothing");
        thread::sleep(Duration::from_millis(5));
    }
}
