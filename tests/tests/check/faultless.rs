//! Plugins without a fault: every check is ok, or says why it does not apply.
use crate::command::{Report, check};
use crate::library::{self, Compiled, rust_example};
use handclasp_tests::{header_example, plugins};
use std::path::Path;

fn is_clean(library: &Path, arguments: &[&str]) -> Report {
    let report = check(library, arguments);
    assert_eq!(report.findings(), []);
    assert_eq!(report.code, Some(0));
    let verdict = match arguments.contains(&"--only") {
        true => "partial",
        false => "clean",
    };
    assert_eq!(report.get("verdict"), verdict);
    report
}

#[test]
fn none() {
    let report = is_clean(&plugins().join("none.so"), &[]);
    assert_eq!(report.get("plugin")["id"], "none");
    assert_eq!(report.result("handshake"), "ok");
    assert_eq!(report.result("loss-30"), "skipped");
}

#[test]
fn dtls_srtp() {
    let report = is_clean(&plugins().join("dtls-srtp.so"), &[]);
    assert_eq!(
        report.get("skipped"),
        1,
        "it has everything there is to check but a secret"
    );
    assert_eq!(report.result("wrong-secret"), "skipped");
}

/// Half a minute, most of which it waits: its library reads the system's clock.
#[test]
fn dtls_openssl() {
    let Some(library) = library::dtls_openssl() else {
        return;
    };
    let report = is_clean(&library, &[]);
    assert_eq!(
        report.get("skipped"),
        2,
        "the system's clock is not stepped, and there is no secret"
    );
    assert_eq!(report.result("clock-steps"), "skipped");
}

#[test]
fn the_example_in_rust() {
    let report = is_clean(&rust_example(), &[]);
    assert_eq!(report.result("loss-30"), "ok");
}

#[test]
fn the_example_in_c() {
    let report = is_clean(&Compiled::source(&header_example()).path(), &[]);
    assert_eq!(report.result("loss-30"), "ok");
}

#[test]
fn what_the_broken_ones_are_made_from() {
    let report = is_clean(&Compiled::fixture("good", &[]).path(), &[]);
    for name in [
        "wrong-peer",
        "keys",
        "integrity",
        "replay",
        "retransmission",
        "memory",
        "random",
    ] {
        assert_eq!(report.result(name), "ok", "{name}");
    }
}

#[test]
fn one_whose_init_data_an_option_decides() {
    let library = Compiled::fixture("word_by_option", &[]);
    for option in [&["--option", "word=hello"][..], &[]] {
        let report = is_clean(
            &library.path(),
            &[&["--only", "fresh-init-data"], option].concat(),
        );
        assert_eq!(report.result("fresh-init-data"), "ok");
    }
}

/// In real time: under a virtual clock it would never repeat itself.
#[test]
fn one_that_reads_the_system_s_clock() {
    let library = Compiled::fixture("own_clock", &[]);
    let report = is_clean(
        &library.path(),
        &["--only", "loss-10", "--only", "clock-steps"],
    );
    assert_eq!(report.result("loss-10"), "ok");
    assert_eq!(report.result("clock-steps"), "skipped");
}

#[test]
fn one_that_is_woken_by_a_thread_of_its_own() {
    let library = Compiled::fixture("wakes", &["-pthread"]);
    let report = is_clean(&library.path(), &["--only", "ready-order"]);
    assert_eq!(report.result("ready-order"), "ok");
}

#[test]
fn one_with_a_little_static_thread_local_storage() {
    let library = Compiled::fixture("little_static_tls", &[]);
    let report = is_clean(&library.path(), &["--only", "thread-locals"]);
    assert_eq!(report.result("thread-locals"), "ok");
}
