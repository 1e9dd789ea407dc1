//! What is left of a command that a signal has ended.
use crate::support::{Plugins, handclasp};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A place for private copies that nothing else uses.
fn temporary() -> TempDir {
    tempfile::tempdir().expect("the system's temporary directory is writable")
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).expect("it is there").count()
}

/// A stream that has loaded its plugin.
fn stream(temporary: &TempDir) -> Child {
    let mut child = handclasp(["stream", "--plugin", "none", "--address", "127.0.0.1"])
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let stdout = child.stdout.as_mut().expect("it is piped");
    let mut first = String::new();
    BufReader::new(stdout)
        .read_line(&mut first)
        .expect("an event is UTF-8");
    assert_ne!(count(temporary.path()), 0, "{first}");
    child
}

fn end(mut child: Child, signal: Signal) {
    use std::os::unix::process::ExitStatusExt;
    let pid = Pid::from_child(&child);
    // Waiting would close it, and the end of its input ends a stream as well.
    let _input = child.stdin.take();
    kill_process(pid, signal).expect("it runs");
    // Waiting closes it, and at its end a stream would stop before the signal is seen to.
    let _open = child.stdin.take();
    let status = child.wait().expect("it was started here");
    assert_eq!(status.signal(), Some(signal.as_raw()));
}

#[test]
fn a_signal_that_can_be_handled_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let temporary = temporary();
        end(stream(&temporary), signal);
        assert_eq!(count(temporary.path()), 0, "{signal:?}");
    }
}

#[test]
fn what_a_killed_command_left_goes_with_the_next() {
    let temporary = temporary();
    let alive = stream(&temporary);
    fs::create_dir(temporary.path().join("handclasp-of-someone")).expect("the place is ours");
    let killed = stream(&temporary);
    end(killed, Signal::KILL);
    assert_eq!(count(temporary.path()), 3, "it had no time to tidy up");
    let next = handclasp(["plugins", "inspect", "none"])
        .env("TMPDIR", temporary.path())
        .output();
    assert!(next.expect("the command runs").status.success());
    assert_eq!(
        count(temporary.path()),
        2,
        "the live one's, and one without a lock"
    );
    end(alive, Signal::TERM);
}

/// The checks' own processes, by what stands in their command lines.
fn children(temporary: &Path) -> usize {
    let needle = temporary.to_str().expect("it has a plain name").as_bytes();
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| line.windows(needle.len()).any(|part| part == needle))
        .count()
}

#[test]
fn an_interrupted_check_leaves_neither_children_nor_files() {
    let plugins = Plugins::new();
    let hangs = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/check/hangs_when_ready.c"
    ));
    let greeting = concat!(
        "#include \"",
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/check/greeting.h\""
    );
    let source = hangs
        .expect("the fixture is there")
        .replace("#include \"greeting.h\"", greeting);
    plugins.compile("hangs.so", &source);
    for signal in [Signal::TERM, Signal::KILL] {
        let temporary = temporary();
        let check = handclasp(["check"])
            .arg(plugins.file("hangs.so"))
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the command runs");
        wait_until(|| hangs_in(temporary.path()));
        assert_ne!(children(temporary.path()), 0);
        end(check, signal);
        wait_until(|| children(temporary.path()) == 0);
        let left = if signal == Signal::KILL { 1 } else { 0 };
        assert_eq!(count(temporary.path()), left, "{signal:?}");
    }
}

/// Whether the check of the handshake has come to the call that never returns.
fn hangs_in(temporary: &Path) -> bool {
    let directories = fs::read_dir(temporary).expect("it is there").flatten();
    directories
        .filter_map(|directory| fs::read_to_string(directory.path().join("handshake/call")).ok())
        .any(|call| call.contains("connection_ready"))
}

/// Another process has to get there: looks until it has.
fn wait_until(mut there: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while !there() {
        assert!(Instant::now() < give_up, "it does not happen");
        std::thread::yield_now();
    }
}
