//! One fault each, found by the check that is named for it.
use crate::command::{Report, check};
use crate::library::Compiled;
use std::fs;

/// Runs the check `name`, and those it needs: it alone finds something, and says so in these `words`.
fn finds(fixture: &str, name: &str, words: &str) -> Report {
    let library = Compiled::fixture(fixture, &[]);
    finds_in(&library, name, words)
}

fn finds_in(library: &Compiled, name: &str, words: &str) -> Report {
    let report = check(&library.path(), &["--only", name, "--patience", "3"]);
    let findings = report.findings();
    let [(found_by, found)] = findings.as_slice() else {
        panic!("one finding is expected, of {name}: {findings:?}");
    };
    assert_eq!(*found_by, name, "{found}");
    assert!(found.contains(words), "{found}");
    assert_eq!(report.code, Some(1));
    assert_eq!(report.get("verdict"), "findings");
    report
}

#[test]
fn leaking_symbols() {
    finds("leaks_symbols", "exports", "leaked_function, leaked_state");
}

#[test]
fn static_thread_local_storage() {
    finds("static_tls", "thread-locals", "DF_STATIC_TLS");
}

#[test]
fn an_executable_stack() {
    let library = Compiled::fixture("executable_stack", &["-Wl,--no-warn-execstack"]);
    finds_in(&library, "stack", "executable stack");
}

#[test]
fn a_library_that_is_not_there() {
    let source = Compiled::source("int elsewhere(void) { return 1; }");
    let needed = source.directory().join("libelsewhere-of-a-test.so");
    fs::copy(source.path(), &needed).expect("both are ours");
    let needed_by = needed.to_str().expect("it is UTF-8");
    let library = Compiled::fixture("missing_library", &["-Wl,--no-as-needed", needed_by]);
    fs::remove_file(&needed).expect("it was just copied");
    finds_in(&library, "libraries", "libelsewhere-of-a-test.so");
}

#[test]
fn a_crash_in_recv_from_peer() {
    let report = finds("crashes_on_datagram", "handshake", "SIGSEGV");
    assert!(report.findings()[0].1.contains("in recv_from_peer"));
}

#[test]
fn a_hang_in_connection_ready() {
    finds(
        "hangs_when_ready",
        "handshake",
        "did not return within 3 s in connection_ready",
    );
}

#[test]
fn exit_in_init() {
    finds(
        "exits_in_init",
        "init",
        "it ended the process in init (exit status: 0)",
    );
}

#[test]
fn an_abort_on_deadline() {
    finds(
        "aborts_on_deadline",
        "retransmission",
        "it crashed in on_deadline",
    );
}

#[test]
fn memory_without_end() {
    finds("exhausts_memory", "handshake", "in connection_ready");
}

#[test]
fn deadlines_without_end() {
    finds("busy_deadlines", "deadlines", "on_deadline called");
}

#[test]
fn no_retransmission() {
    finds(
        "never_repeats",
        "loss-30",
        "of 100 handshakes did not finish",
    );
    finds(
        "never_repeats",
        "retransmission",
        "fell silent after flight 1",
    );
}

#[test]
fn instances_that_stay() {
    finds("leaks_instances", "memory", "bytes behind");
}

#[test]
fn a_finish_with_the_wrong_peer() {
    finds(
        "believes_anyone",
        "wrong-peer",
        "finished with its peer all the same",
    );
}

#[test]
fn a_crash_on_the_longest_datagram() {
    finds(
        "overflows_on_long_datagram",
        "sizes",
        "a datagram of 65507 bytes",
    );
}

#[test]
fn a_crash_on_one_first_byte() {
    finds("crashes_on_first_byte", "random", "the first 0x2a");
}

#[test]
fn bad_input_taken_for_a_failure() {
    finds("fails_on_nonsense", "random", "nonsense");
}

#[test]
fn state_in_thread_local_variables() {
    finds(
        "thread_local_state",
        "changing-threads",
        "no instance on this thread",
    );
}

#[test]
fn what_needs_a_check_with_a_finding_is_skipped() {
    let library = Compiled::fixture("crashes_on_datagram", &[]);
    let report = check(&library.path(), &["--only", "loss-30"]);
    assert_eq!(report.result("handshake"), "finding");
    assert_eq!(report.result("loss-30"), "skipped");
}

#[test]
fn what_is_no_plugin() {
    let library = Compiled::source("int nothing(void) { return 0; }");
    let report = check(&library.path(), &[]);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(report.findings()[0].0, "descriptor");
    assert_eq!(report.code, Some(1));
}
