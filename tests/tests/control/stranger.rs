//! A standard error that nobody reads, and a stranger who would fill it.
use crate::stream;
use handclasp_tests::processes::{Pair, Side};
use serde_json::{Value, json};
use std::io::{self, PipeReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

/// How many datagrams of the stranger's; four of them were enough.
const DATAGRAMS: usize = 500;
/// How long the end of a stream may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// With this in HANDCLASP_LOG, and a pipe as its standard error.
fn unread(arguments: &[&str], log: &str) -> (Command, PipeReader) {
    let (reader, writer) = io::pipe().expect("there are files left");
    let mut command = stream(arguments);
    command.env("HANDCLASP_LOG", log).stderr(writer);
    (command, reader)
}

fn said<'a>(pair: &'a Pair, side: Side, event: &str, field: &str) -> &'a str {
    let mut said = pair.said(side).iter();
    let event = said.find(|it| it["event"] == event).expect("it was said");
    event[field].as_str().expect("it is text")
}

/// The address that a side has told.
fn address(pair: &Pair, side: Side) -> SocketAddr {
    let candidate = said(pair, side, "new_candidate_full", "candidate");
    let words: Vec<&str> = candidate.split(' ').collect();
    let address = format!("{}:{}", words[4], words[5]);
    address.parse().expect("it is a host candidate")
}

/// A connectivity check without integrity, with as many odd attributes as it holds: MESSAGE-INTEGRITY is missing,
/// UNKNOWN-ATTRIBUTES (RFC 8489, section 14.13) belongs into error responses and is empty.
fn odd(ufrag: &str) -> Vec<u8> {
    const USERNAME: u16 = 0x0006;
    const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    let username = format!("{ufrag}:x");
    let mut attributes = Vec::new();
    attributes.extend(USERNAME.to_be_bytes());
    attributes.extend((username.len() as u16).to_be_bytes());
    attributes.extend(username.as_bytes());
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    while attributes.len() < 1216 {
        attributes.extend(UNKNOWN_ATTRIBUTES.to_be_bytes());
        attributes.extend([0, 0]);
    }
    let mut message = vec![0, 1];
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend(*b"a stranger's");
    message.extend(attributes);
    message
}

/// Whether a crate stands in what was written to a pipe, which has been closed.
fn has(mut reader: PipeReader, target: &str) -> bool {
    let log = io::read_to_string(&mut reader).expect("it is text");
    log.lines().any(|line| line.contains(target))
}

#[test]
fn a_strangers_odd_datagrams_fill_nothing_and_stop_nothing() {
    for (log, has_dependency) in [("", false), ("trace,is=trace", true)] {
        let (a, a_log) = unread(&["--controlling"], log);
        let (b, _b_log) = unread(&[], log);
        let mut pair = Pair::start([a, b], Some(Side::A));
        pair.expect_ready(1);
        let credentials = said(&pair, Side::A, "local_credentials", "credentials");
        let (ufrag, _) = credentials.split_once(' ').expect("and a password");
        let (odd, to) = (odd(ufrag), address(&pair, Side::A));
        assert_eq!(odd.len(), 1236);
        let stranger = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
        for number in 0..DATAGRAMS {
            stranger.send_to(&odd, to).expect("loopback takes it");
            if number % 50 == 0 {
                pair.expect_data(1, &format!("beside {number}"), PATIENCE);
            }
        }
        let asked = Instant::now();
        pair.send(Side::A, &json!({"message": "stop"}));
        let (events, status) = pair.end(Side::A);
        assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
        assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(events.iter().all(|event: &Value| event["event"] != "error"));
        drop(pair);
        assert_eq!(has(a_log, " is::"), has_dependency, "{log}");
    }
}
