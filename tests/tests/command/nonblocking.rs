//! Standard input and output that somebody else has made non-blocking, as node, asyncio and some shells do.
use crate::support::{handclasp, text};
use handclasp_tests::await_that;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

fn make_non_blocking(end: impl AsFd) {
    let flags = fcntl_getfl(&end).expect("it is open");
    fcntl_setfl(&end, flags | OFlags::NONBLOCK).expect("it is a pipe");
}

fn pipes() -> (PipeReader, PipeWriter) {
    pipe().expect("there are files left")
}

/// Until nothing more fits into the output. A pipe holds a number of pages, and not all of them are filled.
fn await_full(output: &PipeWriter) {
    await_that("a pipe is full", || {
        let mut output = [PollFd::new(output, PollFlags::OUT)];
        poll(&mut output, Some(&Timespec::default())).expect("it is open") == 0
    });
}

#[test]
fn a_stream_reads_on_though_there_is_nothing_yet() {
    let (input, mut write) = pipes();
    make_non_blocking(&input);
    let mut child = handclasp(["stream", "--address", "127.0.0.1"])
        .stdin(input)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines();
    let mut expect = |event: &str| {
        let found = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(event)));
        assert!(found.is_some(), "{event}");
    };
    expect("candidate_gathering_done");
    // By now it has found that there is nothing to read.
    thread::sleep(Duration::from_millis(50));
    writeln!(write, "{{\"message\":\"generate_local_sdp\"}}").expect("it reads");
    expect("local_sdp");
    drop(write);
    expect("stopped");
    assert_eq!(child.wait().expect("it was started here").code(), Some(0));
}

#[test]
fn no_event_is_lost_where_output_is_read_slowly() {
    const ASKED: usize = 400;
    let (read, output) = pipes();
    make_non_blocking(&output);
    let full = output.try_clone().expect("there are files left");
    let mut child = handclasp(["stream", "--address", "127.0.0.1"])
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut input = child.stdin.take().expect("it is piped");
    // What comes before is refused, which is another event.
    let mut read = BufReader::new(read);
    let mut line = String::new();
    while !line.contains("candidate_gathering_done") {
        line.clear();
        read.read_line(&mut line).expect("events are UTF-8");
    }
    let lines = "{\"message\":\"generate_local_sdp\"}\n".repeat(ASKED);
    input.write_all(lines.as_bytes()).expect("it is read");
    await_full(&full);
    drop(full);
    drop(input);
    let mut events = String::new();
    read.read_to_string(&mut events).expect("events are UTF-8");
    assert_eq!(events.matches("\"local_sdp\"").count(), ASKED);
    let output = child.wait_with_output().expect("it was started here");
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_demo_is_told_to_its_end() {
    let (mut read, output) = pipes();
    make_non_blocking(&output);
    let full = output.try_clone().expect("there are files left");
    let child = handclasp(["demo", "--plugin", "none", "--components", "100", "--json"])
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    await_full(&full);
    drop(full);
    let mut events = String::new();
    read.read_to_string(&mut events).expect("events are UTF-8");
    let last = events.lines().last().expect("it says something");
    assert!(last.contains("\"demo_done\""), "{last}");
    let output = child.wait_with_output().expect("it was started here");
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
}

#[test]
fn what_cannot_be_read_is_no_good_end() {
    let output = handclasp(["stream", "--address", "127.0.0.1"])
        .stdin(File::open("/").expect("it is there"))
        .output()
        .expect("the command runs");
    let sentence = "error: standard input cannot be read: Is a directory (os error 21)\n";
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), sentence)
    );
}
