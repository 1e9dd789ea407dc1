//! docs/trace.md says what the code does.
use handclasp::trace::{
    CallRecord, Datagram, Direction, Fate, Header, Kind, Missed, Record, Status, Stun, StunClass,
    Trace, Transport, What,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

const DOCUMENT: &str = include_str!("../../../docs/trace.md");

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1))
}

fn datagram() -> Datagram {
    Datagram {
        component_id: 1,
        direction: Direction::In,
        local: address(),
        remote: address(),
        transport: Some(Transport::Tcp),
        bytes: 1,
        kind: Kind::Stun,
        relays: Some(Kind::Dtls),
        fate: Some(Fate::Dropped),
        reason: Some("text".to_owned()),
        waits: Some(1),
        stun: Some(Stun {
            class: StunClass::Request,
            method: "binding".to_owned(),
            transaction: "00".to_owned(),
            use_candidate: true,
            error_code: Some(487),
        }),
        contents: Some(vec![1]),
    }
}

/// One of each event, with all it can have.
fn events() -> Vec<What> {
    let component_id = 1;
    let text = || "text".to_owned();
    let all = vec![
        What::Opened {
            plugin: text(),
            plugin_version: text(),
            components: 1,
            controlling: true,
        },
        What::HandshakeInitData {
            component_id,
            bytes: 1,
        },
        What::LocalCredentials,
        What::NewCandidateFull {
            component_id,
            candidate: text(),
        },
        What::CandidateGatheringDone,
        What::NewRemoteCandidateFull {
            component_id,
            candidate: text(),
        },
        What::NewSelectedPair {
            component_id,
            local: address(),
            remote: address(),
            transport: Some(Transport::Tcp),
        },
        What::HandshakeData {
            component_id,
            bytes: 1,
        },
        What::ComponentStateReady { component_id },
        What::ExportedKey {
            component_id,
            label: text(),
            bytes: 1,
        },
        What::CouldNotExportKey {
            component_id,
            label: text(),
            reason: text(),
        },
        What::ComponentStateDisconnected { component_id },
        What::ComponentStateFailed {
            component_id,
            reason: text(),
        },
        What::ComponentClosed {
            component_id,
            by_peer: true,
        },
        What::CouldNotSendPayload {
            component_id,
            reason: text(),
        },
        What::LocalSdp,
        What::Warning { warning: text() },
        What::Stopped,
        What::Call(CallRecord {
            component_id,
            call: text(),
            status: Status::Pending,
            packets: 1,
            took_us: 1,
            sentence: Some(text()),
        }),
        What::Datagram(datagram()),
        What::Dropped {
            component_id,
            waited: Some(1),
            reason: text(),
        },
        What::Missed(Missed {
            component_id: Some(1),
            count: 1,
            until_us: 1,
            sent: BTreeMap::from([(Kind::Rtp, 1)]),
            received: BTreeMap::from([(Kind::Rtp, 1)]),
            bytes_sent: 1,
            bytes_received: 1,
            lost: 1,
            stray: 1,
        }),
    ];
    // A new variant does not compile here until it has its place above.
    for what in &all {
        match what {
            What::Opened { .. }
            | What::HandshakeInitData { .. }
            | What::LocalCredentials
            | What::NewCandidateFull { .. }
            | What::CandidateGatheringDone
            | What::NewRemoteCandidateFull { .. }
            | What::NewSelectedPair { .. }
            | What::HandshakeData { .. }
            | What::ComponentStateReady { .. }
            | What::ExportedKey { .. }
            | What::CouldNotExportKey { .. }
            | What::ComponentStateDisconnected { .. }
            | What::ComponentStateFailed { .. }
            | What::ComponentClosed { .. }
            | What::CouldNotSendPayload { .. }
            | What::LocalSdp
            | What::Warning { .. }
            | What::Stopped
            | What::Call(_)
            | What::Datagram(_)
            | What::Dropped { .. }
            | What::Missed(_)
            | What::Unknown => {}
        }
    }
    all
}

/// The name of an event and its other fields, in their order.
fn shape(event: &Value) -> (String, Vec<String>) {
    let members = event.as_object().expect("an event is an object").keys();
    let own = members.filter(|name| !["us", "stream", "event"].contains(&name.as_str()));
    let name = event["event"].as_str().expect("it has a name").to_owned();
    (name, own.cloned().collect())
}

fn shapes() -> Vec<(String, Vec<String>)> {
    let of = |what| {
        let (us, stream) = (1, "a".to_owned());
        let record = Record { us, stream, what };
        shape(&serde_json::to_value(record).expect("a record can be written"))
    };
    events().into_iter().map(of).collect()
}

/// The rows of the table with this head: what each cell quotes.
fn table(head: &str) -> Vec<Vec<Vec<String>>> {
    let (_, rest) = DOCUMENT
        .split_once(&format!("\n| {head} |"))
        .expect("the document has this table");
    let quoted = |cell: &str| -> Vec<String> {
        let names = cell.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    let rows = rest
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(quoted).collect())
        .collect()
}

fn names<T: serde::Serialize>(values: &[T]) -> Vec<String> {
    let name = |value| match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => panic!("no name: {other:?}"),
    };
    values.iter().map(name).collect()
}

fn firsts(head: &str) -> Vec<String> {
    let rows = table(head);
    rows.into_iter().map(|row| row[0][0].clone()).collect()
}

#[test]
fn every_event_has_its_row() {
    let rows = table("event | fields | meaning").into_iter();
    let rows: Vec<_> = rows
        .map(|row| (row[0][0].clone(), row[1].clone()))
        .collect();
    assert_eq!(rows, shapes());
}

#[test]
fn every_value_has_its_row() {
    let kinds = [
        Kind::Stun,
        Kind::Dtls,
        Kind::TurnChannel,
        Kind::Rtp,
        Kind::Other,
    ];
    assert_eq!(firsts("kind | first byte (RFC 7983)"), names(&kinds));
    assert_eq!(
        firsts("fate | meaning"),
        names(&[Fate::Lost, Fate::Stray, Fate::Dropped])
    );
    for transport in names(&[Transport::Tcp, Transport::Tls]) {
        assert!(DOCUMENT.contains(&format!("`{transport}`")), "{transport}");
    }
    let stun = serde_json::to_value(datagram().stun).expect("it can be written");
    let members: Vec<_> = stun
        .as_object()
        .expect("it is one")
        .keys()
        .cloned()
        .collect();
    let rows = table("field | meaning");
    assert_eq!(firsts("field | meaning"), members);
    let classes = [
        StunClass::Request,
        StunClass::Indication,
        StunClass::Success,
        StunClass::Error,
    ];
    assert_eq!(rows[0][1], names(&classes));
    let statuses = [
        Status::Pending,
        Status::Finished,
        Status::Closed,
        Status::Failed,
    ];
    for status in names(&statuses) {
        assert!(DOCUMENT.contains(&format!("`{status}`")), "{status}");
    }
}

#[test]
fn the_examples_are_a_trace_with_every_event() {
    let examples = DOCUMENT.split("```json\n").skip(1);
    let examples = examples.map(|rest| rest.split("```").next().expect("split gives one part"));
    let file: String = examples.collect();
    let trace = Trace::read(file.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(trace.header.version, Header::VERSION);
    let shown: BTreeSet<String> = file
        .lines()
        .skip(1)
        .map(|line| shape(&serde_json::from_str(line).expect("it was just read")).0)
        .collect();
    let all: BTreeSet<String> = shapes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(shown, all);
    // And each line as it would be written.
    for (line, record) in file.lines().skip(1).zip(&trace.records) {
        let written = serde_json::to_string(record).expect("a record can be written");
        assert_eq!(written, line);
    }
    let records = &trace.records;
    let lengths = records.iter().filter_map(|record| match &record.what {
        What::Datagram(datagram) => Some((datagram.contents.as_ref()?.len(), datagram.bytes)),
        _ => None,
    });
    for (length, bytes) in lengths {
        assert_eq!(length, usize::from(bytes));
    }
}
