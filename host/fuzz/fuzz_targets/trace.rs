//! What `--trace` keeps of whatever arrives, and the reading of a trace.
#![no_main]
use arbitrary::Arbitrary;
use contents::Passing;
use datagram::{Datagram, Direction, Fate, Kind, Transport};
use dtls::dtls_records;
use handclasp::ice;
use handclasp::trace::{Trace, What};
use handclasp_fuzz::Made;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde_json::json;
use std::net::SocketAddr;
use stun::Stun;
use stun_proto::types::message::Message;

// They are private to the host, and need nothing of it but `ice`.
#[path = "../../src/trace/contents.rs"]
mod contents;
#[path = "../../src/trace/datagram.rs"]
mod datagram;
#[allow(dead_code)] // what only a ladder tells
#[path = "../../src/trace/dtls.rs"]
mod dtls;
#[path = "../../src/trace/stun.rs"]
mod stun;

#[derive(Arbitrary, Debug)]
enum Story<'a> {
    /// Seeds are of this one: four bytes of its choice, then a file.
    Reads(&'a [u8]),
    Stun(Made<'a>),
    /// Content types, epochs, bodies.
    Dtls(Vec<(u8, u16, &'a [u8])>),
    /// Whether it is known to be the application's.
    Bytes(bool, &'a [u8]),
}

/// What TURN relays for the application, and the password of RFC 3489's shared secrets.
const SECRET: [u16; 2] = [0x0013, 0x0007];

fuzz_target!(|story: Story<'_>| match story {
    Story::Reads(file) => read(file),
    Story::Stun(made) => record(&made.datagram([7; 12], "ours:theirs"), false),
    Story::Dtls(records) => {
        let records: Vec<_> = records
            .iter()
            .map(|(kind, epoch, body)| dtls_record(*kind, *epoch, body))
            .collect();
        record(&records.concat(), false);
    }
    Story::Bytes(of_application, bytes) => record(bytes, of_application),
});

fn dtls_record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0; 6]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

fn record(bytes: &[u8], of_application: bool) {
    let passing = Passing {
        component_id: 1,
        direction: Direction::In,
        local: SocketAddr::from(([192, 0, 2, 1], 5000)),
        remote: SocketAddr::from(([192, 0, 2, 2], 5000)),
        transport: Some(Transport::Tcp),
        fate: Some(Fate::Stray),
        reason: None,
        waits: None,
        of_application,
        bytes,
    };
    let told = passing.describe();
    assert_eq!(usize::from(told.bytes), bytes.len());
    assert!(!of_application || (told.stun.is_none() && told.contents.is_none()));
    match (&told.contents, told.kind) {
        (None, _) => {}
        (Some(kept), Kind::Stun) => is_without_secrets(kept, bytes),
        (Some(kept), Kind::Dtls) => assert_eq!(kept, bytes),
        (Some(_), kind) => panic!("contents were kept of what is {kind:?}"),
    }
    is_read(&told);
}

/// As the TURN client reads them, both say the same but for the secrets.
fn is_without_secrets(kept: &[u8], message: &[u8]) {
    assert_eq!(kept.len(), message.len());
    let (Ok(kept), Ok(message)) = (Message::from_bytes(kept), Message::from_bytes(message)) else {
        return;
    };
    let mut of_kept = kept.iter_attributes();
    for (at, attribute) in message.iter_attributes() {
        let (kept_at, kept) = of_kept.next().expect("as many were kept");
        assert_eq!(
            (kept_at, kept.header.get_type()),
            (at, attribute.header.get_type())
        );
        if SECRET.contains(&attribute.header.get_type().value()) {
            assert_eq!(*kept.value, vec![0; attribute.value.len()]);
        } else {
            assert_eq!(*kept.value, *attribute.value);
        }
    }
}

/// What is told of a datagram is read from its line.
fn is_read(told: &Datagram) {
    let mut line = serde_json::to_value(told).expect("it can be written");
    line["us"] = json!(1);
    line["event"] = json!("datagram");
    let header = json!({"trace": "handclasp", "version": 1, "program": "0.1.0", "unix_us": 0});
    let trace = Trace::read((text(&header) + &text(&line)).as_bytes()).expect("it was written");
    assert_eq!(json!(trace.records), json!([line]));
}

/// A file, perhaps a damaged one.
fn read(file: &[u8]) {
    match Trace::read(file) {
        Ok(mut trace) => {
            trace.records.retain(|record| record.what != What::Unknown);
            let lines: String = trace.records.iter().map(text).collect();
            let again = Trace::read((text(&trace.header) + &lines).as_bytes());
            let again = again.expect("it was just written");
            assert_eq!((again.header, again.records), (trace.header, trace.records));
        }
        Err(error) => assert!(error.to_string().starts_with("line ")),
    }
}

fn text(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("it can be written") + "\n"
}
