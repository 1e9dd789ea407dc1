use crate::trace::{Trace, TraceFile, What};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;

/// More than a pipe, a buffer and the queue hold.
const MANY: u64 = 20_000;

#[test]
fn nobody_waits_for_a_disk_that_cannot_keep_up_and_what_is_missing_is_counted() {
    let (mut disk, end) = io::pipe().expect("there are files left");
    let path = format!("/proc/self/fd/{}", end.as_raw_fd());
    let file = TraceFile::create(Path::new(&path)).expect("a pipe can be written");
    drop(end);
    let recorder = file.recorder("a");
    for _ in 0..MANY {
        recorder.opened("none", "0.1.0", 1, true);
    }
    // Only now does the disk take anything.
    let written = thread::spawn(move || {
        let mut written = Vec::new();
        disk.read_to_end(&mut written).map(|_| written)
    });
    drop(file);
    let written = written.join().expect("reading does not panic");
    let trace = Trace::read(&*written.expect("a pipe can be read")).expect("it is a trace");
    let (mut opened, mut missed) = (0, 0);
    for record in &trace.records {
        match record.what {
            What::Opened { .. } => opened += 1,
            What::Missed { count } => missed += count,
            ref other => panic!("nobody said {other:?}"),
        }
    }
    assert!(!trace.cut_off && missed > 0);
    assert_eq!(opened + missed, MANY);
}
