//! What is wrong with a command line is exit code 2, also where only what it names could tell.
use crate::support::{handclasp, text};
use std::process::Stdio;

#[test]
fn a_command_line_that_cannot_be_obeyed_is_exit_code_2() {
    for (arguments, sentence) in [
        ("stream --no-udp", "without UDP nothing is left"),
        ("demo --no-udp", "without UDP nothing is left"),
        (
            "stream --turn turns:u:p@127.0.0.1:9 --turn-ca /none",
            "/none cannot be read",
        ),
        (
            "stream --turn turns:u:p@127.0.0.1:9 --turn-ca /dev/null",
            "/dev/null",
        ),
        (
            "stream --turn turn:u@127.0.0.1:9 --turn-password-file /none",
            "/none cannot be read",
        ),
    ] {
        let output = handclasp(arguments.split(' '))
            .stdin(Stdio::null())
            .output();
        let output = output.expect("the command runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains(sentence), "{arguments}: {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_row_that_bench_does_not_have_is_answered_by_those_it_has() {
    let output = handclasp(["bench", "--only", "call", "--only", "calls"]).output();
    let output = output.expect("the command runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("invalid value 'calls'"), "{said}");
    for row in ["memory", "session_floor", "start", "forward", "forward_100"] {
        assert!(said.contains(row), "{row}: {said}");
    }
}
