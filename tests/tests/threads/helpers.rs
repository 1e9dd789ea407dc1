//! Calls of `init` that take long, or for ever.
use crate::alone;
use crate::streams::{Streams, options};
use handclasp::stream::Notification;
use handclasp::{OpenError, StreamHandle, StreamOptions};
use handclasp_tests::processes::handclasp_stream;
use handclasp_tests::{await_that, fixture, in_time, plugins};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A sleep that no test waits for.
const FOR_EVER: (&str, &str) = ("sleep-ms", "3600000");

/// The helper threads of this process.
fn helpers() -> HashSet<OsString> {
    let threads = fs::read_dir("/proc/self/task")
        .expect("Linux has it")
        .flatten();
    let helps = |thread: &DirEntry| {
        let name = fs::read_to_string(thread.path().join("comm"));
        name.is_ok_and(|name| name.starts_with("handclasp-help"))
    };
    threads
        .filter(helps)
        .map(|thread| thread.file_name())
        .collect()
}

/// The most helper threads there are at a time while `run` runs, but for those of before.
fn most_helpers(run: impl FnOnce()) -> usize {
    let (before, done) = (helpers(), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&done);
    let counter = thread::spawn(move || {
        let mut most = 0;
        while !told.load(Ordering::Relaxed) {
            most = most.max(helpers().difference(&before).count());
            thread::sleep(Duration::from_millis(2));
        }
        most
    });
    run();
    done.store(true, Ordering::Relaxed);
    counter.join().expect("it only counts")
}

fn open_all(streams: &Streams, count: usize, options: &StreamOptions) {
    let opened: Vec<_> = (0..count)
        .map(|number| streams.open(number, options))
        .collect();
    for _ in &opened {
        streams.expect_started();
    }
}

#[test]
fn inits_that_keep_processors_busy_have_a_thread_for_each_core() {
    let _alone = alone();
    let streams = Streams::new(2);
    let options = options("slow-init", &[("busy-ms", "20")]);
    let most = most_helpers(|| open_all(&streams, 60, &options));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // A thread may be found waiting all the same: for memory, or for a lock.
    assert!(most <= cores.max(2) + 2, "{most} threads on {cores} cores");
}

#[test]
fn s04_inits_that_sleep_do_so_side_by_side() {
    let _alone = alone();
    let streams = Streams::new(2);
    let options = options("slow-init", &[("sleep-ms", "3000")]);
    let begun = Instant::now();
    open_all(&streams, 30, &options);
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(15),
        "{took:?} rather than 3 s and a little"
    );
}

#[test]
fn s04_inits_that_hang_fail_their_streams_and_stop_no_other_plugin() {
    let _alone = alone();
    let (streams, before) = (Streams::new(2), helpers());
    let hangs = options("slow-init", &[FOR_EVER]).init_timeout(Duration::from_secs(4));
    let sound = options("none", &[]);
    let mut kept = Vec::new();
    let mut opened = 0;
    // A plugin has 32 threads, and 64 that it may keep for good.
    for round in 0..4 {
        for _ in 0..40 {
            match streams.try_open(opened, &hangs) {
                Ok(stream) => kept.push(stream),
                Err(OpenError::Stuck { plugin }) if round >= 2 => assert_eq!(plugin, "slow-init"),
                Err(error) => panic!("{error}"),
            }
            opened += 1;
        }
        let is_failure =
            |told: &Notification| matches!(told, Notification::ComponentStateFailed { .. });
        let is_start = |told: &Notification| matches!(told, Notification::LocalCredentials { .. });
        let _sound = streams.open(1000 + round, &sound);
        let (first, _) = streams.expect(|told| is_start(told) || is_failure(told));
        assert_eq!(first, 1000 + round, "it starts while the others hang");
        for _ in &kept {
            let (_, failed) = streams.expect(is_failure);
            let Notification::ComponentStateFailed { reason, .. } = failed else {
                panic!("{failed:?}");
            };
            assert!(
                reason
                    .to_string()
                    .starts_with("plugin slow-init: init has not returned within 4 s"),
                "{reason}"
            );
        }
        kept.clear();
    }
    let refused = streams.try_open(opened, &hangs).expect_err("it hangs");
    let sentence = refused.to_string();
    assert!(
        sentence.starts_with("plugin slow-init: 64 calls of its init"),
        "{sentence}"
    );
    let most = helpers().difference(&before).count();
    assert!(most <= 32 + 64 + 10, "{most} threads");
}

#[test]
fn s19_a_stop_ends_a_stream_whose_init_hangs() {
    let _alone = alone();
    let streams = Streams::new(1);
    let hangs = streams.open(0, &options("slow-init", &[FOR_EVER]));
    // The one thread that looks for calls has taken it.
    thread::sleep(Duration::from_millis(50));
    drop(hangs);
    streams.expect(|told| matches!(told, Notification::Stopped));
}

/// What `init`s of `gated-init` wait for, and what they note.
struct Gate {
    path: PathBuf,
    _directory: TempDir,
    /// Helpers of before, which other tests have left in calls.
    before: HashSet<OsString>,
}

impl Gate {
    fn open(&self) {
        fs::write(&self.path, "").expect("the temporary directory is writable");
    }

    /// How many calls of `init` have begun, and how many of `destroy`.
    fn counts(&self) -> (usize, usize) {
        let count = |what| fs::read(self.path.with_extension(what)).map_or(0, |noted| noted.len());
        (count("begun"), count("destroyed"))
    }

    /// The same once the host's helpers have ended.
    fn final_counts(&self) -> (usize, usize) {
        await_that("helpers end", || helpers().is_subset(&self.before));
        self.counts()
    }

    /// Those that waited, for a plugin has not so many threads, have not begun; the others have been destroyed.
    #[track_caller]
    fn expect_fewer_than(&self, all: usize) {
        let (begun, destroyed) = self.final_counts();
        assert!(begun < all, "all have begun");
        assert_eq!(destroyed, begun);
    }
}

/// A host with one loop, and so many streams, of which an `init` has begun and waits.
fn gated(count: usize) -> (Streams, Vec<StreamHandle>, Gate) {
    let before = helpers();
    let library = fixture("gated_init", &[]);
    let fixtures = library.parent().expect("it is in a directory").to_owned();
    let streams = Streams::among(1, vec![fixtures, plugins()]);
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let path = directory.path().join("gate");
    let options = options("gated-init", &[("gate", &path.display().to_string())]);
    let opened = (0..count).map(|number| streams.open(number, &options));
    let opened = opened.collect();
    let gate = Gate {
        path,
        _directory: directory,
        before,
    };
    await_that("an init has begun", || gate.counts().0 > 0);
    (streams, opened, gate)
}

fn is_stopped(told: &Notification) -> bool {
    matches!(told, Notification::Stopped)
}

#[test]
fn s19_what_an_init_makes_for_a_stream_that_is_gone_is_destroyed_once() {
    let _alone = alone();
    let (streams, opened, gate) = gated(1);
    drop(opened);
    streams.expect(is_stopped);
    gate.open();
    drop(streams);
    assert_eq!(gate.final_counts(), (1, 1));
}

#[test]
fn s19_inits_that_wait_do_not_begin_once_their_streams_are_stopped() {
    const STREAMS: usize = 100;
    let _alone = alone();
    let (streams, opened, gate) = gated(STREAMS);
    // Meanwhile another plugin's start.
    let sound = streams.open(STREAMS, &options("none", &[]));
    assert_eq!(streams.expect_started(), STREAMS);
    drop((opened, sound));
    for _ in 0..=STREAMS {
        streams.expect(is_stopped);
    }
    gate.open();
    drop(streams);
    gate.expect_fewer_than(STREAMS);
}

#[test]
fn s19_with_its_host_no_init_begins_any_more_and_each_that_has_is_destroyed_once() {
    const STREAMS: usize = 100;
    let _alone = alone();
    let (streams, opened, gate) = gated(STREAMS);
    // It waits for calls that have begun, but not for ever.
    in_time("the host is dropped", move || drop(streams));
    drop(opened);
    gate.open();
    gate.expect_fewer_than(STREAMS);
}

#[test]
fn s19_the_command_ends_while_an_init_hangs() {
    let directory = fixture("slow_init", &[]);
    let mut command = handclasp_stream();
    command
        .arg("--plugin-dir")
        .arg(directory.parent().expect("it is in a directory"))
        .args(["--plugin", "slow-init", "--option", "sleep-ms=3600000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    drop(child.stdin.take());
    let output = in_time("the command ends", || child.wait_with_output());
    let output = output.expect("it was started here");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = "{\"event\":\"component_closed\",\"component_id\":1,\"by_peer\":false}\n{\"event\":\"stopped\"}\n";
    assert_eq!(said, expected);
}
