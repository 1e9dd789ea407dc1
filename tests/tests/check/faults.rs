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
    let (code, verdict) = match report.result(name) {
        "warning" => (0, "partial"),
        _ => (1, "findings"),
    };
    assert_eq!(report.code, Some(code));
    assert_eq!(report.get("verdict"), verdict);
    report
}

#[test]
fn leaking_symbols() {
    finds("leaks_symbols", "exports", "leaked_function, leaked_state");
}

#[test]
fn static_thread_local_storage() {
    finds("static_tls", "thread-locals", "takes 512 bytes");
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
fn keys_that_differ_now_and_then() {
    finds("sometimes_disagrees", "keys", "do not belong together");
}

#[test]
fn keys_of_an_own_format_that_fit_in_no_reading() {
    let report = finds(
        "own_keys_differ",
        "keys",
        "neither the same nor each other's halves",
    );
    assert_eq!(report.result("keys"), "warning");
}

#[test]
fn handshake_data_that_are_the_same_each_time() {
    let report = finds("constant_nonce", "keys", "the same handshake data");
    assert_eq!(report.result("keys"), "warning");
}

#[test]
fn srtp_keys_that_are_too_short() {
    finds("short_srtp_keys", "data-types", "are 60 bytes, not 46");
}

#[test]
fn handshake_data_that_are_declared_and_never_emitted() {
    let report = finds(
        "never_emits",
        "data-types",
        "handshake_data_type is \"text\"",
    );
    assert_eq!(report.result("data-types"), "warning");
}

#[test]
fn an_attribute_that_is_not_utf_8() {
    finds("latin_attributes", "init-data", "is not UTF-8");
}

#[test]
fn a_proof_that_nobody_compares() {
    let words = "datagram 2 to it, of 17 bytes, had another byte at 1-16";
    finds("believes_anyone", "integrity", words);
}

#[test]
fn what_does_not_reach_the_plugin_is_told_by_its_cause() {
    for (fixture, words) in [
        (
            "byte_missing_in_map",
            "did not reach the initiator, first byte 0x21: not in hc.classify/1's map",
        ),
        (
            "bytes_in_place_of_bits",
            "did not reach the initiator, first byte 0x3f: not in hc.classify/1's map",
        ),
        (
            "denies_its_own",
            "did not reach the initiator, not the handshake's, says hc.classify/1's is_handshake",
        ),
        ("misspells_peer", "does not declare hc.peer/1"),
    ] {
        let report = finds(fixture, "handshake", words);
        let ladder = report.check("handshake")["ladder"].to_string();
        let drops = ladder.matches("dropped").count();
        assert_eq!(
            drops > 0,
            fixture != "misspells_peer",
            "{fixture}: {ladder}"
        );
    }
}

/// Random and damaged datagrams do not look enough like DTLS to find these.
#[test]
fn what_only_forged_datagrams_find() {
    for (fixture, name, words) in [
        (
            "obeys_a_forged_alert",
            "forged-handshake",
            "after a fatal alert in plaintext before the first datagram to the initiator",
        ),
        (
            "ends_at_a_short_record",
            "forged-session",
            "after data in epoch 1 without room for a tag to the initiator",
        ),
    ] {
        let report = check(&Compiled::fixture(fixture, &[]).path(), &[]);
        let findings = report.findings();
        let [(found_by, found)] = findings.as_slice() else {
            panic!("one finding is expected, of {name}: {findings:?}");
        };
        assert_eq!(*found_by, name);
        assert!(found.contains(words), "{found}");
        assert_eq!(
            report.check(name)["again"],
            format!("--only {name} --seed 1")
        );
        let ladder = report.check(name)["ladder"].to_string();
        assert!(ladder.contains("forged"), "{ladder}");
    }
}

#[test]
fn a_finding_can_be_seen_again() {
    let library = Compiled::fixture("never_repeats", &[]);
    let seen = |seed: &str| {
        let report = check(&library.path(), &["--only", "loss-10", "--seed", seed]);
        let row = report.check("loss-10").clone();
        let found = row["found"].as_str().expect("a finding").to_owned();
        let seed = row["seed"].as_u64().expect("a seed");
        assert_eq!(row["again"], format!("--only loss-10 --seed {seed}"));
        let ladder = row["ladder"].as_array().expect("lines").clone();
        (found, seed, ladder)
    };
    let (_, seed, ladder) = seen("1");
    let lost = |line: &serde_json::Value| line.as_str().is_some_and(|line| line.contains("lost"));
    assert!(ladder.iter().any(lost), "{ladder:?}");
    assert!(seed > 1, "it was not the first");
    let (_, again, _) = seen(&seed.to_string());
    assert_eq!(again, seed);
}

#[test]
fn the_ladder_of_a_crash_ends_with_the_call() {
    let report = finds("crashes_on_datagram", "handshake", "in recv_from_peer");
    let ladder = report.check("handshake")["ladder"].as_array();
    let last = ladder.and_then(|ladder| ladder.last()).expect("a ladder");
    assert!(
        last.as_str()
            .is_some_and(|line| line.contains("recv_from_peer: ")),
        "{last}"
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
