use super::{inputs, names, written};
use crate::control::{Input, MAX_PAYLOAD, ParseError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

fn wrong(line: &str) -> ParseError {
    Input::parse(line).expect_err("the line is wrong")
}

/// The column and the sentence.
fn complaint(line: &str) -> (usize, String) {
    let error = wrong(line);
    (error.column, error.to_string())
}

#[test]
fn every_message_is_read_as_it_is_written() {
    let mut read = Vec::new();
    for input in inputs() {
        let line = written(&input);
        assert_eq!(Input::parse(&line.to_string()), Ok(input));
        read.push(line["message"].as_str().expect("a name").to_owned());
    }
    let (mut expected, mut read) = (names(), read);
    expected.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, expected, "`inputs` has one of each message");
}

#[test]
fn order_and_space_do_not_count() {
    let line = " {\t\"component_id\" : 7 ,\"message\":\"l\\u0069sten\" }\r";
    let listen = crate::stream::Message::Listen { component_id: 7 };
    assert_eq!(Input::parse(line), Ok(listen.into()));
}

#[test]
fn the_event_of_the_peer_s_init_data_is_handed_on_with_all_its_fields() {
    let line = |protection: &str| {
        format!(
            r#"{{"message":"set_peer_init_data","component_id":1,"role":"initiator","init_data":"","payload_protection":"{protection}"}}"#
        )
    };
    assert!(Input::parse(&line("none")).is_ok());
    let (_, sentence) = complaint(&line("datagrams"));
    assert!(sentence.contains("give it \"none\""), "{sentence}");
}

#[test]
fn a_misspelt_message_is_guessed() {
    assert_eq!(
        complaint(r#"{"message":"generate_sdp"}"#),
        (
            12,
            "there is no message \"generate_sdp\": did you mean \"generate_local_sdp\"?".to_owned()
        )
    );
    let (_, sentence) = complaint(r#"{"message":"local_credentials"}"#);
    let words = "did you mean \"set_remote_credentials\"?";
    assert!(sentence.ends_with(words), "{sentence}");
    let (_, sentence) = complaint(r#"{"message":"x"}"#);
    assert!(
        sentence.contains("there are set_remote_credentials, "),
        "{sentence}"
    );
}

#[test]
fn a_misspelt_field_is_guessed_before_it_is_missed() {
    let line = r#"{"message":"listen", "component":1}"#;
    let sentence =
        "the message \"listen\" has no field \"component\": did you mean \"component_id\"?";
    assert_eq!(complaint(line), (22, sentence.to_owned()));
    let line = r#"{"message":"stop","now":true}"#;
    let sentence = "the message \"stop\" has no field \"now\": it has none, leave it out";
    assert_eq!(complaint(line), (19, sentence.to_owned()));
}

#[test]
fn a_missing_field_is_named() {
    let sentence = "the message \"listen\" needs the field \"component_id\": add it";
    assert_eq!(
        complaint(r#"{"message":"listen"}"#),
        (12, sentence.to_owned())
    );
    let (column, sentence) = complaint(r#"{"component_id":1}"#);
    assert_eq!(column, 1);
    assert!(
        sentence.starts_with("the field \"message\" is missing"),
        "{sentence}"
    );
}

#[test]
fn a_field_counts_once() {
    let line = r#"{"message":"stop","message":"close"}"#;
    let sentence = "the field \"message\" is given twice: give it once";
    assert_eq!(complaint(line), (19, sentence.to_owned()));
}

#[test]
fn values_of_another_kind_are_refused_where_they_stand() {
    for value in ["0.5", "-1", "65536", "\"1\"", "null", "[1]"] {
        let line = format!(r#"{{"message":"listen","component_id":{value}}}"#);
        let sentence = "the field \"component_id\" cannot be used: give it a number from 1 to 256";
        assert_eq!(complaint(&line), (36, sentence.to_owned()), "{value}");
    }
    let with = |role: &str, data: &str| {
        format!(
            r#"{{"message":"set_peer_init_data","component_id":1,"role":{role},"init_data":{data}}}"#
        )
    };
    for line in [
        with("\"client\"", "\"\""),
        with("\"initiator\"", "\"A\""),
        with("\"initiator\"", "\"AB==\""),
        with("\"initiator\"", "[0]"),
    ] {
        let (_, sentence) = complaint(&line);
        assert!(
            sentence.contains("cannot be used: give it"),
            "{line}: {sentence}"
        );
    }
    let (column, _) = complaint(r#"{"message":5}"#);
    assert_eq!(column, 12);
}

#[test]
fn a_payload_fits_a_datagram() {
    let line = |len: usize| {
        let payload = BASE64_STANDARD.encode(vec![7; len]);
        format!(r#"{{"message":"send_payload","component_id":1,"payload":"{payload}"}}"#)
    };
    assert!(Input::parse(&line(1)).is_ok());
    assert!(Input::parse(&line(MAX_PAYLOAD)).is_ok());
    for len in [0, MAX_PAYLOAD + 1] {
        let (column, sentence) = complaint(&line(len));
        assert_eq!(column, 54);
        assert!(
            sentence.starts_with(&format!("the payload has {len} bytes")),
            "{sentence}"
        );
    }
}

#[test]
fn what_is_no_object_is_no_line() {
    for (line, at) in [
        ("", 1),
        ("5", 1),
        ("[]", 1),
        ("{", 1),
        (r#"{"message":"stop"} x"#, 20),
        (r#"{"message":"stop","message"#, 26),
        (r#"{"message":stop}"#, 12),
    ] {
        let (column, sentence) = complaint(line);
        assert_eq!(column, at, "{line}: {sentence}");
        assert!(
            sentence.ends_with("write one JSON object on each line"),
            "{sentence}"
        );
    }
}

#[test]
fn a_line_that_ends_too_soon_is_told_what_is_open() {
    for (line, what) in [
        ("{", "the object is not closed"),
        (r#"{"message":"stop""#, "the object is not closed"),
        (r#"{"message":["stop""#, "a list is not closed"),
        (r#"{"message":"stop"#, "a string is not closed"),
        (r#"{"message":"#, "a value is missing at the end"),
    ] {
        let (_, sentence) = complaint(line);
        assert_eq!(
            sentence,
            format!("{what}: write one JSON object on each line"),
            "{line}"
        );
    }
}

#[test]
fn names_are_repeated_short_and_harmless() {
    let long = "x".repeat(10_000);
    let (_, sentence) = complaint(&format!(r#"{{"message":"{long}"}}"#));
    assert!(sentence.len() < 400, "{sentence}");
    let (_, sentence) = complaint(r#"{"message":"stop","a\u001b[31m\ud800":1}"#);
    assert!(!sentence.contains('\u{1b}'), "{sentence}");
    let many: String = (0..5000).map(|i| format!(r#""f{i}":0,"#)).collect();
    let error = wrong(&format!(r#"{{{many}"message":"stop"}}"#));
    assert!(error.to_string().contains("so many fields"), "{error}");
}
