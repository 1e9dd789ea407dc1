//! Restarts and new associations through processes, as README teaches a program to carry what they say.
use crate::stream;
use handclasp_tests::fixture;
use handclasp_tests::processes::{Pair, Side, base64};
use serde_json::{Value, json};
use std::time::Duration;

fn pair(arguments: &[&str]) -> Pair {
    let a = [arguments, &["--controlling"]].concat();
    let mut pair = Pair::start([stream(&a), stream(arguments)], Some(Side::A));
    pair.expect_ready(1);
    pair
}

fn times(pair: &Pair, side: Side, name: &str) -> usize {
    let said = pair.said(side).iter();
    said.filter(|event| event["event"] == name).count()
}

/// Both have said `name` at most so often, say nothing more, and data goes both ways.
fn expect_silence(pair: &mut Pair, name: &str, most: usize) {
    let wait = |pair: &mut Pair| {
        let nothing = pair.await_where(Side::A, "stopped", Duration::from_secs(3), |_| false);
        assert_eq!(nothing, None);
        Side::BOTH.map(|side| times(pair, side, name))
    };
    let said = wait(pair);
    assert!(said.iter().all(|times| *times <= most), "{said:?} {name}");
    assert_eq!(wait(pair), said, "it goes on");
    pair.expect_data(1, "in the end", Duration::from_secs(10));
}

fn credentials(pair: &mut Pair, side: Side) -> Value {
    pair.expect(side, "local_credentials")["credentials"].clone()
}

#[test]
fn two_restarts_in_a_row_end() {
    let mut pair = pair(&[]);
    for _ in 0..2 {
        pair.send(Side::A, &json!({"message": "restart_stream"}));
    }
    expect_silence(&mut pair, "local_credentials", 3);
    let selected = times(&pair, Side::A, "new_selected_pair");
    assert!(selected >= 2, "no new pair: {}", pair.story());
}

#[test]
fn stale_and_foreign_credentials_end() {
    let mut pair = pair(&[]);
    let stale = credentials(&mut pair, Side::B);
    pair.send(Side::A, &json!({"message": "restart_stream"}));
    let foreign = json!("foreign0 thePasswordOfAnotherStream");
    for credentials in [stale, foreign] {
        let nothing = pair.await_where(Side::A, "stopped", Duration::from_secs(1), |_| false);
        assert_eq!(nothing, None);
        pair.send(
            Side::A,
            &json!({"message": "set_remote_credentials", "credentials": credentials}),
        );
    }
    expect_silence(&mut pair, "local_credentials", 3);
}

#[test]
fn changed_init_data_ends() {
    // A plugin whose init data is new for each instance.
    let directory = tempfile::tempdir().expect("a temporary directory is writable");
    let library = directory.path().join("scripted.so");
    std::fs::copy(fixture("scripted", &["PEER", "CLASSIFY"]), &library).expect("it was built");
    let options = [
        "init=own_init_data=instance-",
        "connection_ready=packet=?hello finish",
        &format!("journal={}", directory.path().join("journal").display()),
    ];
    let path = directory.path().display().to_string();
    let mut arguments = vec!["--plugin-dir", &path, "--plugin", "scripted"];
    for option in &options {
        arguments.extend(["--option", option]);
    }
    let mut pair = pair(&arguments);
    pair.send(
        Side::A,
        &json!({"message": "set_peer_init_data", "component_id": 1, "role": "initiator",
            "init_data": base64(b"of another stream")}),
    );
    expect_silence(&mut pair, "handshake_init_data", 4);
}
