use crate::component::Arrival;
use crate::ice::Pair;
use crate::trace::{Kind, Trace, TraceFile, What};
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// More than a pipe, a buffer and the queue hold.
const MANY: u64 = 600_000;
/// After so many of them something else happens.
const STEP: u64 = 10_000;

/// A trace on a disk that takes what is read from it.
fn slow_disk() -> (PipeReader, TraceFile) {
    let (disk, end) = io::pipe().expect("there are files left");
    let mut file = TraceFile::prepared(File::from(OwnedFd::from(end)), Path::new("the disk"));
    file.begin().expect("there are threads left");
    (disk, file)
}

#[test]
fn nobody_waits_for_a_disk_that_cannot_keep_up_and_a_gap_stands_where_it_was() {
    let (mut disk, file) = slow_disk();
    let recorder = file.recorder("a");
    let address = |port| ([192, 0, 2, 1], port).into();
    let pair = Pair::udp(address(1), address(2));
    for number in 0..MANY {
        if number % STEP == 0 {
            recorder.opened("none", "0.1.0", 1, true);
        }
        recorder.received(1, pair, &[0x80; 100], Arrival::Application);
    }
    // Only now does the disk take anything.
    let written = thread::spawn(move || {
        let mut written = Vec::new();
        disk.read_to_end(&mut written).map(|_| written)
    });
    drop(file);
    let written = written.join().expect("reading does not panic");
    let trace = Trace::read(&*written.expect("a pipe can be read")).expect("it is a trace");
    let (mut opened, mut data, mut missed, mut gaps) = (0, 0, 0, 0);
    for record in &trace.records {
        match &record.what {
            What::Opened { .. } => opened += 1,
            What::Datagram(_) => data += 1,
            What::Missed(gap) => {
                assert_eq!((&*record.stream, gap.component_id), ("a", Some(1)));
                assert_eq!(gap.received.get(&Kind::Rtp), Some(&gap.count));
                assert_eq!(gap.bytes_received, 100 * gap.count);
                // All there was between two events of another kind.
                assert!(gap.count <= STEP && record.us <= gap.until_us);
                missed += gap.count;
                gaps += 1;
            }
            other => panic!("nobody said {other:?}"),
        }
    }
    assert!(!trace.cut_off);
    assert_eq!((opened, data + missed), (MANY / STEP, MANY));
    assert!((2..=MANY / STEP).contains(&gaps), "{gaps} gaps");
    assert!(data > 300_000, "only {data} datagrams found room");
}

#[test]
fn the_end_of_a_trace_does_not_wait_for_a_disk_that_takes_nothing() {
    let (disk, file) = slow_disk();
    let recorder = file.recorder("a");
    for _ in 0..10_000 {
        recorder.opened("none", "0.1.0", 1, true);
    }
    let (done, ended) = channel();
    thread::spawn(move || {
        drop(file);
        let _ = done.send(());
    });
    let ended = ended.recv_timeout(Duration::from_secs(20));
    assert!(ended.is_ok(), "it waits for ever");
    drop(disk);
}
