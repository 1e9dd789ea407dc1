//! Every check has a plugin that it catches, so each can fail.
use crate::command::check;
use crate::library::Compiled;
use std::collections::BTreeSet;

/// A check, the plugin of `tests/fixtures/check` it catches, how that is compiled, and words of the finding.
type Fault = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const FAULTS: [Fault; 50] = [
    ("exports", "leaks_symbols", &[], "leaked_function"),
    ("thread-locals", "static_tls", &[], "takes 512 bytes"),
    (
        "text",
        "text_relocations",
        &["-fno-pic", "-mcmodel=large", "-Wl,-z,notext"],
        "relocations in its code",
    ),
    (
        "stack",
        "executable_stack",
        &["-Wl,--no-warn-execstack"],
        "executable stack",
    ),
    ("load", "fails_to_load", &[], "load"),
    ("init", "exits_in_init", &[], "it ended the process in init"),
    ("reload", "loads_once", &[], "load"),
    ("init-data", "other_init_data", &[], "not an attribute"),
    (
        "fresh-init-data",
        "constant_nonce",
        &[],
        "init data repeats",
    ),
    ("options", "divides_by_an_option", &[], "it crashed in init"),
    (
        "options",
        "divides_by_a_files_size",
        &[],
        "it crashed in init",
    ),
    ("handshake", "crashes_on_datagram", &[], "in recv_from_peer"),
    ("ready-order", "deaf_before_ready", &[], "not ready yet"),
    (
        "interleaved",
        "one_at_a_time",
        &[],
        "another handshake has begun",
    ),
    (
        "keys",
        "repeats_keys",
        &[],
        "two handshakes have the same keys",
    ),
    (
        "data-types",
        "other_srtp_lengths",
        &[],
        "keys of 16 bytes and salts of 12, not 16 and 14",
    ),
    ("packets", "ignores_mtu", &[], "more than its MTU of 600"),
    (
        "export",
        "exports_alike",
        &[],
        "two labels give the same keys",
    ),
    ("loss-10", "never_repeats", &[], "did not finish"),
    ("loss-30", "never_repeats", &[], "did not finish"),
    ("loss-50", "never_repeats", &[], "did not finish"),
    ("duplication", "fails_on_duplicates", &[], "a replay"),
    (
        "reordering",
        "fails_out_of_order",
        &[],
        "an answer before the question",
    ),
    (
        "silence",
        "floods_the_silent",
        &[],
        "to a peer that never answered",
    ),
    ("retransmission", "never_repeats", &[], "fell silent"),
    ("deadlines", "busy_deadlines", &[], "on_deadline called"),
    ("early-calls", "fails_when_called_early", &[], "not yet"),
    ("clock-steps", "catches_up", &[], "more than 64 packets"),
    ("sizes", "overflows_on_long_datagram", &[], "65507 bytes"),
    ("random", "crashes_on_first_byte", &[], "the first 0x2a"),
    ("mutated", "trusts_length", &[], "in recv_from_peer"),
    (
        "wrong-peer",
        "believes_anyone",
        &[],
        "finished with its peer all the same",
    ),
    (
        "integrity",
        "compares_two_bytes",
        &[],
        "had another byte at 3-16",
    ),
    (
        "wrong-secret",
        "ignores_its_secret",
        &[],
        "although its peer has another psk",
    ),
    (
        "wrong-secret",
        "ignores_its_secret_file",
        &[],
        "although its peer has another secret",
    ),
    (
        "replay",
        "constant_nonce",
        &[],
        "only repeated the datagrams of an earlier handshake",
    ),
    (
        "forged-handshake",
        "obeys_a_forged_alert",
        &[],
        "the peer sent a fatal alert",
    ),
    (
        "forged-session",
        "ends_at_a_short_record",
        &[],
        "the record is too short",
    ),
    (
        "changing-threads",
        "thread_local_state",
        &[],
        "no instance on this thread",
    ),
    ("parallel", "unguarded", &[], "it crashed"),
    ("close", "closes_once_finished", &[], "it crashed in close"),
    ("memory", "leaks_instances", &[], "bytes behind"),
    (
        "call-times",
        "sleeps_on_datagrams",
        &[],
        "recv_from_peer (2",
    ),
    ("lent-memory", "keeps_an_option", &[], "came back to"),
    (
        "secrets",
        "tells_its_secret",
        &[],
        "in an error or a warning",
    ),
    (
        "secrets",
        "logs_its_secret_file",
        &[],
        "what is in the file of the secret option \"secret\" is in a line of its log",
    ),
    ("process-settings", "changes_umask", &[], "the umask"),
    ("signals", "takes_sigterm", &[], "a handler for SIGTERM"),
    ("standard-streams", "prints", &[], "to standard output"),
    ("leftovers", "leaves_descriptors", &[], "descriptors behind"),
];

#[test]
fn each_check_catches_its_plugin_and_says_why() {
    let mut missed = Vec::new();
    for (name, fixture, flags, words) in FAULTS {
        let library = Compiled::fixture(fixture, flags);
        let report = check(&library.path(), &["--only", name]);
        let found = report.findings();
        let is_caught =
            matches!(found.as_slice(), [(by, what)] if *by == name && what.contains(words));
        let code = match report.result(name) {
            "finding" => Some(1),
            _ => Some(0),
        };
        if !is_caught || report.code != code {
            missed.push(format!("{name}, by {fixture} and {words:?}: {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn there_is_a_fault_for_each_check() {
    let good = check(&Compiled::fixture("good", &[]).path(), &[]);
    let caught: BTreeSet<_> = FAULTS.iter().map(|(name, ..)| *name).collect();
    // Both have a test of their own: one needs no plugin, the other a library that is then taken away.
    let elsewhere = ["descriptor", "libraries"];
    let all: BTreeSet<_> = good
        .names()
        .filter(|name| !elsewhere.contains(name))
        .collect();
    assert_eq!(caught, all);
}
