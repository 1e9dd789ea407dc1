//! Lines that are wrong, come too early or not at all, and how the command ends.
use crate::stream;
use handclasp_tests::processes::{Pair, Side, handclasp_stream};
use handclasp_tests::{await_that, in_time};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

/// All of a stream that reads `input` to its end.
fn run(mut command: Command, input: &[u8]) -> (Vec<Value>, Output) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    // A stream that fails at its start does not read.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    let output = child.wait_with_output().expect("it was started here");
    let text = std::str::from_utf8(&output.stdout).expect("events are UTF-8");
    let events = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event is JSON"))
        .collect();
    (events, output)
}

#[test]
fn wrong_lines_are_answered_and_the_stream_goes_on() {
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    // It comes last, after init data, credentials and a candidate.
    pair.expect(Side::B, "candidate_gathering_done");
    let signals = 4;
    let lines: [(&[u8], Option<usize>, &str); 6] = [
        (b"{\"message\":", Some(11), "a value is missing at the end: write one JSON object on each line"),
        (b"{\"message\":\"restart\"}", Some(12), "there is no message \"restart\": did you mean \"restart_stream\"?"),
        (b"\xff", Some(1), "the line is not UTF-8: write JSON in UTF-8, and bytes as base64"),
        (
            b"{\"message\":\"set_remote_candidate\",\"component_id\":2,\"candidate\":\"candidate:1\"}",
            None,
            "there is no component 2: this stream has 1 to 1",
        ),
        (
            b"{\"message\":\"send_payload\",\"component_id\":2,\"payload\":\"gA==\"}",
            None,
            "there is no component 2: this stream has 1 to 1",
        ),
        (
            b"{\"message\":\"set_remote_credentials\",\"credentials\":\"x\"}",
            None,
            "ICE credentials are two words, \"ufrag pwd\", but 1 came: send both on one line, one space between",
        ),
    ];
    for (number, (line, column, sentence)) in (signals + 1..).zip(lines) {
        pair.write(Side::A, line);
        let mut expected = json!({"event": "error", "line": number, "error": sentence});
        if let Some(column) = column {
            expected["column"] = column.into();
        }
        assert_eq!(pair.expect(Side::A, "error"), expected);
    }
    pair.send_payload(Side::A, b"\x80 still here");
    pair.expect(Side::B, "ice_payload");
    let (_, status) = pair.end(Side::A);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_line_too_long_is_answered_and_the_next_is_read() {
    let mut input = vec![b'x'; 3 << 20];
    input.extend_from_slice(b"\n{\"message\":\"stop\"}\nnot read any more\n");
    let (events, output) = run(stream(&[]), &input);
    let errors: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "error")
        .collect();
    assert_eq!(
        errors,
        [&json!({
            "event": "error",
            "line": 1,
            "column": (1 << 20) + 1,
            "error": "the line is longer than 1048576 bytes: send shorter ones",
        })]
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nothing_follows_the_end() {
    for arguments in [&[][..], &["--components", "3"], &["--name", "left"]] {
        let (events, output) = run(stream(arguments), b"");
        let last = events.last().expect("at least one event");
        assert_eq!(last["event"], "stopped", "{events:?}");
        assert_eq!(output.status.code(), Some(0));
        let names = events.iter().all(|event| {
            event.get("stream").map(|name| name == "left")
                == arguments.contains(&"left").then_some(true)
        });
        assert!(names, "{events:?}");
    }
}

#[test]
fn a_failed_component_is_an_event_and_an_exit_code() {
    // For documentation (RFC 5737): no machine has it.
    let mut command = handclasp_stream();
    command.args(["--address", "203.0.113.1"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let failed = std::iter::from_fn(|| {
        let mut line = String::new();
        (stdout.read_line(&mut line).expect("UTF-8") > 0).then_some(line)
    })
    .map(|line| serde_json::from_str::<Value>(&line).expect("an event is JSON"))
    .find(|event| event["event"] == "component_state_failed")
    .expect("a failure is an event");
    let reason = failed["reason"].as_str().expect("a sentence");
    assert!(reason.contains("203.0.113.1"), "{reason}");
    // Only now: a stream that is stopped binds nothing.
    drop(child.stdin.take());
    let rest = in_time("its output ends", move || {
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("UTF-8");
        rest
    });
    assert_eq!(rest, "{\"event\":\"stopped\"}\n");
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, format!("error: component 1 failed: {reason}\n"));
}

#[test]
fn an_unknown_plugin_is_exit_code_3() {
    let (events, output) = run(stream(&["--plugin", "no-such-plugin"]), b"");
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn so_is_one_whose_init_refuses() {
    let mut command = stream(&["--plugin", "dtls-srtp", "--option", "version=0.9"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    // Kept open: the end of the input would stop the stream, perhaps before `init` has answered.
    let stdin = child.stdin.take();
    let output = output_of(child);
    drop(stdin);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("component 1 failed: plugin dtls-srtp: init: "),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn who_reads_no_more_ends_it_quietly() {
    let mut command = stream(&[]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut first = String::new();
    stdout.read_line(&mut first).expect("UTF-8");
    drop(stdout);
    let mut stdin = child.stdin.take().expect("it is piped");
    // Each is answered, until it is noticed that nobody reads that.
    await_that("it reads no more", || stdin.write_all(b"?\n").is_err());
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_stream_that_nobody_answers_ends_by_itself_with_a_word() {
    let mut command = stream(&["--components", "2"]);
    command.args(["--init-timeout", "5", "--ice-timeout", "0.5"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    let input = child.stdin.take(); // stays open
    let output = output_of(child);
    drop(input);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("credentials have not come within 5.5 s"),
        "{said}"
    );
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.matches("component_state_failed").count(), 2, "{told}");
    assert!(told.ends_with("{\"event\":\"stopped\"}\n"), "{told}");
}

/// What it has said when it has ended.
#[track_caller]
fn output_of(child: Child) -> Output {
    in_time("the command ends", || child.wait_with_output()).expect("it was started here")
}
