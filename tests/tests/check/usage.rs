//! Command lines, and what is printed for people.
use crate::command::handclasp;
use crate::library::Compiled;
use std::path::Path;

#[test]
fn a_file_that_is_not_there_is_a_mistake_of_the_command_line() {
    let output = handclasp(&[], Path::new("no-such-plugin.so"));
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("no-such-plugin.so"), "{words}");
}

#[test]
fn an_option_the_plugin_does_not_have_is_one_too() {
    let library = Compiled::fixture("good", &[]);
    let output = handclasp(
        &["--only", "load", "--option", "colour=red"],
        &library.path(),
    );
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("`colour`") && words.contains("takes none"),
        "{words}"
    );
}

#[test]
fn so_is_a_value_the_plugin_refuses() {
    let library = Compiled::fixture("wants_number", &[]);
    let output = handclasp(&["--option", "number=12"], &library.path());
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("number is odd: give 1, 3 or 5"), "{words}");
    assert!(words.contains("give others with --option"), "{words}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(
        !table.contains("finding") && !table.contains("skipped"),
        "{table}"
    );
}

#[test]
fn a_required_option_that_is_not_given_is_made_up() {
    let library = Compiled::fixture("wants_number", &[]);
    let output = handclasp(&["--only", "options"], &library.path());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn so_is_a_check_that_does_not_exist() {
    let library = Compiled::fixture("good", &[]);
    let output = handclasp(&["--only", "los-30"], &library.path());
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("los-30") && words.contains("loss-30"),
        "{words}"
    );
}

#[test]
fn a_person_reads_sentence_finding_remedy_and_verdict() {
    let library = Compiled::fixture("leaks_symbols", &[]);
    let output = handclasp(&["--only", "exports"], &library.path());
    let table = String::from_utf8_lossy(&output.stdout);
    let mut lines = table.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("ok       descriptor")),
        "{table}"
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("finding  exports")),
        "{table}"
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("found: it also exports")),
        "{table}"
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("-fvisibility=hidden")),
        "{table}"
    );
    let mut end = lines.by_ref().skip_while(|line| !line.is_empty()).skip(1);
    let again = end.next();
    assert!(
        again.is_some_and(|line| line.starts_with("finding  exports           it also exports")),
        "{table}"
    );
    drop(end);
    let verdict = "greeting 1.0.0 does not keep the contract: 1 finding (1 ok, 0 skipped)";
    assert_eq!(lines.next_back(), Some(verdict));
}

#[test]
fn what_is_skipped_is_told_in_a_line_for_each_reason() {
    let library = Compiled::fixture("never_repeats", &[]);
    let output = handclasp(
        &["--only", "export", "--only", "wrong-secret"],
        &library.path(),
    );
    let table = String::from_utf8_lossy(&output.stdout);
    let skipped: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("skipped"))
        .collect();
    let expected = [
        "skipped  export: because it does not declare hc.export/1",
        "skipped  wrong-secret: because no option is a secret that it requires",
    ];
    assert_eq!(skipped, expected, "{table}");
    let verdict = table.lines().next_back().unwrap_or_default();
    assert!(
        verdict.starts_with("greeting 1.0.0 5 of ") && verdict.ends_with(" checks ok (2 skipped)"),
        "no word on what was not run: {table}"
    );
}

#[test]
fn of_a_file_that_is_no_library_one_thing_is_told() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("text.so");
    std::fs::write(&file, "text").expect("it is ours");
    let output = handclasp(&[], &file);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(
        table.contains("is not a library this host can read"),
        "{table}"
    );
    assert!(!table.contains("remedy:"), "{table}");
    let skipped = table.lines().find(|line| line.starts_with("skipped"));
    let skipped = skipped.unwrap_or_default();
    assert!(
        skipped.ends_with(" checks: because it needs `descriptor`, which is not ok"),
        "{table}"
    );
}
