//! Calls into the plugin, with what came of them and how long they took.
use crate::support::{Session, text};
use handclasp::trace::{CallRecord, Status, What};
use handclasp_tests::fixture;
use std::fs;
use std::process::Output;

/// A demo of the fixture `scripted`, both sides with these scripts.
fn demo(scripts: &[&str]) -> (Session, Output) {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let library = fixture("scripted", &["PEER"]);
    fs::copy(library, directory.path().join("scripted.so")).expect("the directory was just made");
    let place = directory.path().display().to_string();
    let journal = format!("journal={place}/journal");
    let mut options = vec!["--plugin", "scripted", "--plugin-dir", &place];
    for option in scripts.iter().copied().chain([journal.as_str()]) {
        options.extend(["--option", option]);
    }
    Session::attempt(&options)
}

fn calls<'s>(session: &'s Session, side: &str) -> Vec<(u64, &'s CallRecord)> {
    let records = session.trace.records.iter();
    let mut calls: Vec<_> = records
        .filter(|record| record.stream == side)
        .filter_map(|record| match &record.what {
            What::Call(call) => Some((record.us, call)),
            _ => None,
        })
        .collect();
    calls.sort_by_key(|(us, _)| *us);
    calls
}

/// Each call's name and status, and the sentence if there is one.
fn told<'s>(calls: &[(u64, &'s CallRecord)]) -> Vec<(&'s str, Status, Option<&'s str>)> {
    let each = calls.iter();
    each.map(|(_, call)| (call.call.as_str(), call.status, call.sentence.as_deref()))
        .collect()
}

#[test]
fn every_call_is_told_with_its_outcome_and_duration() {
    let (session, output) = demo(&[
        "init=take=30 init_data=hello",
        "connection_ready=deadline=1",
        "on_deadline=take=5 deadline=1 say=half way\ntake=10 finish=done",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for side in ["a", "b"] {
        let calls = calls(&session, side);
        assert_eq!(
            told(&calls),
            [
                ("init", Status::Pending, None),
                ("set_peer", Status::Pending, None),
                ("connection_ready", Status::Pending, None),
                ("on_deadline", Status::Pending, Some("half way")),
                ("on_deadline", Status::Finished, None),
                ("close", Status::Closed, None),
                ("destroy", Status::Pending, None),
            ]
        );
        let at_least = [30_000, 0, 0, 5_000, 10_000, 0, 0];
        for ((_, call), at_least) in calls.iter().zip(at_least) {
            assert!(call.took_us >= at_least, "{call:?}");
        }
        for pair in calls.windows(2) {
            let [(us, call), (next, _)] = pair else {
                unreachable!("windows of two have two");
            };
            assert!(us + call.took_us <= *next, "they overlap: {pair:?}");
        }
    }
}

#[test]
fn a_failed_call_is_told_as_such() {
    let (session, output) = demo(&["connection_ready=take=5 answer=-7 say=no idea left"]);
    assert_eq!(output.status.code(), Some(1));
    // The other side may have been stopped before it was its turn.
    let sides = ["a", "b"].map(|side| calls(&session, side));
    let (_, failed) = sides
        .iter()
        .flatten()
        .find(|(_, call)| call.status == Status::Failed)
        .expect("one has failed");
    assert_eq!(failed.call, "connection_ready");
    let sentence = failed.sentence.as_deref().expect("it said why");
    assert!(sentence.contains("no idea left"), "{sentence}");
    assert!(failed.took_us >= 5_000, "{failed:?}");
}

#[test]
fn a_close_that_fails_is_told_as_such() {
    let (session, output) = demo(&["connection_ready=finish=done", "close=answer=-7 say=never"]);
    assert_eq!(output.status.code(), Some(1));
    for side in ["a", "b"] {
        let calls = calls(&session, side);
        let told = told(&calls);
        assert!(
            matches!(told[..], [.., _, ("destroy", Status::Pending, None)]),
            "{told:?}"
        );
        let (_, last) = calls[calls.len() - 2];
        assert_eq!((last.call.as_str(), last.status), ("close", Status::Failed));
        let sentence = last.sentence.as_deref().expect("it said why");
        assert!(sentence.contains("never"), "{sentence}");
    }
}
