//! What goes to standard error, whoever reads it and whoever does not.
use crate::support::{Plugins, handclasp, text};
use handclasp_tests::{fixture, resident};
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a command may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Far more than a command takes by itself, far less than what it would take without a bound.
const MAX_GROWTH: usize = 48 << 20;

fn pipe() -> (PipeReader, PipeWriter) {
    io::pipe().expect("there are files left")
}

/// A directory with a plugin that calls its host at odd moments.
fn restless(defines: &[&str]) -> Plugins {
    let plugins = Plugins::new();
    let library = fs::read(fixture("restless", defines)).expect("it was just compiled");
    plugins.put("restless.so", &library);
    plugins
}

/// Waits for its end, but not for ever.
#[track_caller]
fn end(mut child: Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// It ends well with this as its standard error.
#[track_caller]
fn succeeds(command: &mut Command, stderr: impl Into<Stdio>) {
    let spawned = command.stdout(Stdio::null()).stderr(stderr).spawn();
    let status = end(spawned.expect("the command runs"));
    assert_eq!(status.code(), Some(0), "{command:?}: {status}");
}

/// All of its own log and of a dependency's.
fn talkative(arguments: &[&str]) -> Command {
    let mut command = handclasp(arguments);
    command.env("HANDCLASP_LOG", "trace,is=trace");
    command
}

#[test]
fn a_pipe_that_nobody_reads_stops_nothing() {
    let (_reader, writer) = pipe();
    // Its log is several times as long as a pipe.
    let demo = ["demo", "--plugin", "none", "--components", "64"];
    succeeds(&mut talkative(&demo), writer);
}

#[test]
fn a_command_that_fails_ends_with_a_pipe_that_is_full() {
    let (reader, mut writer) = pipe();
    let all = [b'.'; 64 << 10]; // what a pipe of Linux holds
    writer.write_all(&all).expect("it takes this much");
    let mut command = talkative(&["demo", "--plugin", "nothing"]);
    let child = command.stderr(writer).spawn().expect("the command runs");
    assert_eq!(end(child).code(), Some(3));
    drop(reader);
}

#[test]
fn a_standard_error_that_cannot_be_written_ends_nothing() {
    let restless = restless(&[]);
    let of_restless = ["--plugin", "restless", "--plugin-dir", restless.path()];
    for arguments in [&["--plugin", "none"][..], &of_restless] {
        let demo = [&["demo"], arguments].concat();
        let full = File::options().write(true).open("/dev/full");
        match full {
            Ok(full) => succeeds(&mut talkative(&demo), full),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound), // not every container has it
        }
        let (reader, writer) = pipe();
        drop(reader);
        succeeds(&mut talkative(&demo), writer);
    }
}

#[test]
fn what_a_plugin_says_while_a_thread_ends_is_logged() {
    let plugins = restless(&[]);
    let directory = plugins.path();
    let keys = plugins.file("keys");
    let keys = keys
        .to_str()
        .expect("temporary directories have plain names");
    let demo = [
        "demo",
        "--plugin=restless",
        "--plugin-dir",
        directory,
        "--keylog",
        keys,
    ];
    let output = handclasp(demo).env("HANDCLASP_LOG", "info").output();
    let output = output.expect("the command runs");
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    for moment in [
        "connected",
        "a thread of the plugin's runs",
        "a thread ends",
    ] {
        let is_it = |line: &str| line.contains("restless") && line.contains(moment);
        assert!(log.lines().any(is_it), "{moment}:\n{log}");
    }
    // The host is gone before.
    assert!(!log.contains("the process ends"), "{log}");
    // Of a line of 65,536 bytes the first are enough.
    assert!(log.lines().all(|line| line.len() < 5000));
    let keys = fs::read_to_string(keys).expect("it was written");
    assert!(keys.lines().all(|line| line == "CLIENT_RANDOM 00 00") && !keys.is_empty());
}

#[test]
fn dependencies_are_silent_unless_they_are_asked_for_by_name() {
    for (asked, own, of_is) in [
        ("trace", true, false),
        ("is=debug", false, true),
        ("debug,is=debug", true, true),
        ("", false, false),
    ] {
        // A name that stands for no address is told at debug, by this program; `is` tells its settings.
        let demo = handclasp(["demo", "--plugin=waits-in-init", "--option=gate=/dev/zero"])
            .env("HANDCLASP_PLUGIN_PATH", waits_in_init().path())
            .env("HANDCLASP_LOG", asked)
            .output();
        let log = text(&demo.expect("the command runs").stderr);
        let has = |target: &str| log.lines().any(|line| line.contains(target));
        let (has_own, has_is) = (has(" handclasp::"), has(" is::"));
        assert_eq!((has_own, has_is), (own, of_is), "{asked}:\n{log}");
    }
}

fn waits_in_init() -> Plugins {
    let plugins = Plugins::new();
    let library = fs::read(fixture("waits_in_init", &[])).expect("it was just compiled");
    plugins.put("waits-in-init.so", &library);
    plugins
}

#[test]
fn a_setting_of_the_log_that_is_not_understood_is_told() {
    let output = handclasp(["demo", "--plugin", "none"])
        .env("HANDCLASP_LOG", "handclasp=loud")
        .output()
        .expect("the command runs");
    let log = text(&output.stderr);
    assert!(log.contains("HANDCLASP_LOG is not understood"), "{log}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_thread_that_wakes_in_a_loop_takes_no_memory() {
    let plugins = restless(&["WAKES"]);
    let arguments = [
        "stream",
        "--plugin=restless",
        "--plugin-dir",
        plugins.path(),
    ];
    let mut child = handclasp(arguments)
        .args(["--address", "127.0.0.1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the command runs");
    let stdin = child.stdin.take();
    thread::sleep(Duration::from_millis(500));
    let before = resident(child.id());
    for _ in 0..25 {
        thread::sleep(Duration::from_millis(100));
        let grown = resident(child.id()).saturating_sub(before);
        assert!(grown < MAX_GROWTH, "{grown} bytes more than {before}");
    }
    drop(stdin);
    assert_eq!(end(child).code(), Some(0));
}
