//! The C plugins of this project under sanitizers, and proof that these see what they should.
use crate::command::{Report, check};
use crate::library::{Compiled, sources_in};
use handclasp_tests::{header_example, is_here, openssl_flags, skip};
use std::path::Path;

/// AddressSanitizer and UndefinedBehaviorSanitizer, whose findings end the process.
const SANITIZERS: [&str; 3] = [
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];

/// The plugins in C without a fault: the header's, fixtures, the template and the one on OpenSSL.
fn plugins(flags: &[&str]) -> Vec<Compiled> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let flags: Vec<String> = flags.iter().copied().map(str::to_owned).collect();
    let fixture = |name| {
        Compiled::files(
            "gcc",
            &[root.join("tests/fixtures/check").join(name)],
            &flags,
        )
    };
    let example = Compiled::text("gcc", &header_example(), &flags);
    let mut plugins = vec![example, fixture("good.c"), fixture("wants_number.c")];
    match openssl_flags() {
        Ok(openssl) => {
            let flags = [flags, openssl, vec!["-pthread".to_owned()]].concat();
            let template =
                include_str!("../../../host/cli/templates/c/plugin.c").replace("@NAME@", "psk");
            plugins.push(Compiled::text("gcc", &template, &flags));
            let sources = sources_in(&root.join("plugins/dtls-openssl"));
            plugins.push(Compiled::files("gcc", &sources, &flags));
        }
        Err(lacking) => skip("what is built on it", &lacking),
    }
    plugins
}

#[test]
fn the_plugins_in_c_are_clean_under_address_sanitizer() {
    if !is_here("gcc", "gcc") {
        return;
    }
    for library in plugins(&SANITIZERS) {
        assert_is_clean(&check(&library.path(), &[]));
    }
}

#[test]
fn the_plugins_in_c_are_clean_under_valgrind() {
    if !is_here("valgrind", "valgrind") {
        return;
    }
    // All callbacks, in both orders, and refusals. Each check takes seconds: the sanitizers above do the rest.
    let checks = ["ready-order", "wrong-peer"];
    let only: Vec<_> = checks.iter().flat_map(|name| ["--only", name]).collect();
    for library in plugins(&["-g"]) {
        let report = check(&library.path(), &[&["--sanitize"], &only[..]].concat());
        assert!(report.get("warning").is_null(), "{}", report.get("warning"));
        assert_is_clean(&report);
    }
}

fn assert_is_clean(report: &Report) {
    let plugin = report.get("plugin");
    assert_eq!(report.findings(), [], "{plugin}");
    assert_eq!(report.code, Some(0), "{plugin}");
    assert_eq!(report.result("handshake"), "ok", "{plugin}");
}

/// What one of them finds in a fixture.
fn found(fixture: &str, flags: &[&str], arguments: &[&str]) -> String {
    let library = Compiled::fixture(fixture, &[&["-g"], flags].concat());
    let report = check(
        &library.path(),
        &[&["--only", "handshake"], arguments].concat(),
    );
    assert_eq!(report.code, Some(1), "{fixture}");
    report.findings()[0].1.to_owned()
}

/// What the check of lent memory says of a plugin that keeps a pointer to an option.
fn found_of_a_kept_option(flags: &[&str], arguments: &[&str]) -> String {
    let library = Compiled::fixture("keeps_an_option", &[&["-g"], flags].concat());
    let report = check(
        &library.path(),
        &[&["--only", "lent-memory"], arguments].concat(),
    );
    let found = report.findings();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].1.to_owned()
}

#[test]
fn both_see_an_option_that_is_kept_and_name_the_line() {
    if is_here("gcc", "gcc") {
        let found = found_of_a_kept_option(&["-fsanitize=address"], &[]);
        assert!(
            found.contains("option's value of a call that was over"),
            "{found}"
        );
        assert!(found.contains("greeting.h:"), "{found}");
    }
    if is_here("valgrind", "valgrind") {
        let found = found_of_a_kept_option(&[], &["--sanitize"]);
        assert!(
            found.contains("option's value of a call that was over"),
            "{found}"
        );
        assert!(found.contains("greeting.h:"), "{found}");
    }
}

#[test]
fn address_sanitizer_sees_faults() {
    if !is_here("gcc", "gcc") {
        return;
    }
    for (fixture, kind, words) in [
        (
            "overflows_heap",
            "-fsanitize=address",
            "heap-buffer-overflow",
        ),
        ("leaks_words", "-fsanitize=address", "16 byte(s) leaked"),
        (
            "overflows_heap",
            "-fsanitize=address,undefined",
            "runtime error: store to address",
        ),
        (
            "overflows_integer",
            "-fsanitize=address,undefined",
            "signed integer overflow",
        ),
    ] {
        let found = found(fixture, &[kind, "-fno-sanitize-recover=all"], &[]);
        assert!(found.contains(words), "{fixture}: {found}");
    }
}

#[test]
fn valgrind_sees_faults() {
    if !is_here("valgrind", "valgrind") {
        return;
    }
    for (fixture, words) in [
        ("overflows_heap", "Invalid write of size 1"),
        ("leaks_words", "16 bytes in 1 blocks are definitely lost"),
        ("reads_uninitialised", "uninitialised"),
    ] {
        let found = found(fixture, &[], &["--sanitize"]);
        assert!(found.contains(words), "{fixture}: {found}");
        assert!(found.contains("greeting.h:"), "it names the line: {found}");
    }
}
