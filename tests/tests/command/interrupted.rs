//! What is left of a command that a signal has ended.
use crate::support::{Plugins, handclasp};
use handclasp_tests::{heard, in_time};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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
    assert!(first.contains("event"), "{first}");
    child
}

fn end(mut child: Child, signal: Signal) {
    use std::os::unix::process::ExitStatusExt;
    let pid = Pid::from_child(&child);
    // Waiting would close it, and the end of its input ends a stream as well.
    let _input = child.stdin.take();
    kill_process(pid, signal).expect("it runs");
    let status = in_time("a signal ends it", move || child.wait()).expect("it was started here");
    // A stream stops in order, and then says what has stopped it.
    let code = status.code().map(|code| code - 128);
    assert_eq!(code.or(status.signal()), Some(signal.as_raw()));
}

#[test]
fn a_signal_leaves_nothing_of_a_stream_even_one_that_kills() {
    for signal in heard([Signal::INT, Signal::TERM, Signal::KILL]) {
        let temporary = temporary();
        end(stream(&temporary), signal);
        assert_eq!(count(temporary.path()), 0, "{signal:?}");
    }
}

/// What a host without private copies in memory has left.
fn left_behind(temporary: &TempDir, name: &str) -> (PathBuf, File) {
    let directory = temporary.path().join(name);
    fs::create_dir(&directory).expect("the place is ours");
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).expect("it is ours");
    fs::write(directory.join("copy.so"), "a plugin").expect("it is ours");
    let lock = File::create_new(directory.join("lock")).expect("it is ours");
    (directory, lock)
}

#[test]
fn what_a_killed_command_left_goes_with_the_next() {
    let temporary = temporary();
    let (alive, lock) = left_behind(&temporary, "handclasp-alive");
    lock.lock().expect("nobody else has it");
    let young = temporary.path().join("handclasp-of-someone");
    fs::create_dir(&young).expect("the place is ours");
    for command in [
        ["plugins", "list"].as_slice(),
        &["demo", "--plugin", "none"],
    ] {
        let (dead, _) = left_behind(&temporary, "handclasp-dead");
        let next = handclasp(command).env("TMPDIR", temporary.path()).output();
        assert!(next.expect("the command runs").status.success());
        assert!(!dead.exists() && alive.exists() && young.exists());
    }
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
    let give_up = Instant::now() + Duration::from_secs(60);
    while !there() {
        assert!(Instant::now() < give_up, "it does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
