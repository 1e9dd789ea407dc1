//! Credentials that signalling has changed on the way.
use crate::failed::Streams;
use crate::hosts::neighbours;
use crate::run;
use handclasp_tests::processes::Side;
use serde_json::{Value, json};

/// Carries what ICE needs, with the credentials of one side changed.
fn signal(streams: &mut Streams, change: impl Fn(Side, &str) -> String) {
    for side in Side::BOTH {
        let pair = &mut streams.pair;
        let mut event = pair.expect(side, "local_credentials");
        let credentials = event["credentials"].as_str().expect("a text");
        event["credentials"] = change(side, credentials).into();
        event["message"] = "set_remote_credentials".into();
        pair.expect(side, "candidate_gathering_done");
        let said = pair.said(side).iter();
        let candidates: Vec<Value> = said
            .filter(|event| event["event"] == "new_candidate_full")
            .map(|event| {
                let (component_id, candidate) = (&event["component_id"], &event["candidate"]);
                json!({
                    "message": "set_remote_candidate",
                    "component_id": component_id,
                    "candidate": candidate,
                })
            })
            .collect();
        event.as_object_mut().expect("an object").remove("event");
        for message in [event].iter().chain(&candidates) {
            pair.send(side.other(), message);
        }
    }
}

#[test]
fn a_password_that_is_wrong() {
    run("a wrong password", || {
        let [a, b] = &neighbours()?;
        let mut streams = Streams::start([a, b], [&[], &[]], None);
        signal(&mut streams, |side, credentials| match side {
            Side::A => credentials.to_owned(),
            Side::B => {
                let (ufrag, _) = credentials.split_once(' ').expect("two words");
                format!("{ufrag} aWrongPasswordOf24Chars0")
            }
        });
        let failed = streams.fail();
        let seen = "with a wrong password came, from 10.77.0.1:";
        let cause = "the peer has another password of this side's than it has";
        failed.expect(Side::B, &[seen, cause, "local_credentials"]);
        failed.expect(Side::A, &["a wrong password of the peer's"]);
        Ok(())
    });
}
