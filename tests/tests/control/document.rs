//! docs/json-lines.md says what the code does.
use handclasp::component::Failure;
use handclasp::control::{ErrorEvent, Event, Input, PayloadEvent, Secrets, event_names, messages};
use handclasp::ice::Pair;
use handclasp::stream::Notification;
use handclasp_tests::{is_here, text};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

const DOCUMENT: &str = include_str!("../../../docs/json-lines.md");

/// One of each notification.
fn notifications() -> Vec<Notification> {
    let component_id = 1;
    let text = || "text".to_owned();
    let address = || std::net::SocketAddr::from(([192, 0, 2, 1], 1));
    let data = || Zeroizing::new(vec![1]);
    let (local, remote) = (address(), address());
    let all = vec![
        Notification::HandshakeInitData {
            component_id,
            init_data: vec![1],
            association: 0,
        },
        Notification::LocalCredentials {
            credentials: text(),
            generation: 0,
        },
        Notification::NewCandidateFull {
            component_id,
            candidate: text(),
        },
        Notification::CandidateGatheringDone,
        Notification::NewRemoteCandidateFull {
            component_id,
            candidate: text(),
        },
        Notification::NewSelectedPair {
            component_id,
            pair: Pair::tcp(local, remote),
        },
        Notification::HandshakeData {
            component_id,
            data: data(),
        },
        Notification::ComponentStateReady {
            component_id,
            data: data(),
        },
        Notification::ExportedKey {
            component_id,
            label: text(),
            key: data(),
        },
        Notification::CouldNotExportKey {
            component_id,
            label: text(),
            reason: text(),
        },
        Notification::ComponentStateDisconnected { component_id },
        Notification::ComponentStateFailed {
            component_id,
            reason: Failure::Bind { message: text() },
        },
        Notification::ComponentClosed {
            component_id,
            by_peer: true,
        },
        Notification::CouldNotSendPayload {
            component_id,
            reason: text(),
        },
        Notification::LocalSdp { sdp: text() },
        Notification::Warning { warning: text() },
        Notification::Stopped,
    ];
    let names = all
        .iter()
        .map(|notification| Event::new(notification, Secrets::Shown).name());
    assert!(names.eq(event_names()), "each has its place above");
    all
}

/// The name of an event and its other fields, in their order.
fn shape(event: &impl Serialize) -> (String, Vec<String>) {
    let event = serde_json::to_value(event).expect("an event can be written");
    let name = event["event"].as_str().expect("it has a name").to_owned();
    let members = event.as_object().expect("it is an object").keys();
    (name, members.skip(1).cloned().collect())
}

fn events() -> Vec<(String, Vec<String>)> {
    let error = ErrorEvent {
        line: 1,
        column: Some(1),
        error: "text".to_owned(),
    };
    let payload = PayloadEvent {
        component_id: 1,
        payload: &[1],
    };
    let of = |notification| shape(&Event::new(notification, Secrets::Shown));
    let notifications = notifications();
    let (rest, last) = notifications.split_at(notifications.len() - 2);
    let payload = [shape(&payload)];
    rest.iter()
        .map(of)
        .chain(payload)
        .chain(last.iter().map(of))
        .chain([shape(&error)])
        .collect()
}

/// The rows of the table below a heading: what its first two columns say.
fn table(heading: &str) -> Vec<(String, Vec<String>)> {
    let (_, section) = DOCUMENT
        .split_once(&format!("\n## {heading}\n"))
        .expect("the document has this heading");
    let names = |cell: &str| -> Vec<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.split('|').skip(1);
            let mut cell = || names(cells.next().expect("a row has two cells and a meaning"));
            let (name, fields) = (cell(), cell());
            (name[0].clone(), fields)
        })
        .collect()
}

#[test]
fn every_message_has_its_row() {
    let owned = |&name: &&str| name.to_owned();
    let grammar: Vec<(String, Vec<String>)> = messages()
        .map(|(name, fields)| (name.to_owned(), fields.iter().map(owned).collect()))
        .collect();
    assert_eq!(table("Messages"), grammar);
}

#[test]
fn every_event_has_its_row() {
    assert_eq!(table("Events"), events());
}

#[test]
fn every_example_is_a_line_and_every_line_has_an_example() {
    let examples = DOCUMENT.split("```json\n").skip(1).flat_map(|rest| {
        rest.split("```")
            .next()
            .expect("split gives one part")
            .lines()
    });
    let (events, mut shown) = (events(), BTreeSet::new());
    for line in examples {
        let example: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if let Some(message) = example["message"].as_str() {
            Input::parse(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            shown.insert(message.to_owned());
            continue;
        }
        let (name, members) = shape(&example);
        let (_, declared) = events
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("there is no such event: {line}"));
        let optional = |field: &&String| name == "error" && *field == "column";
        let needed: Vec<_> = declared.iter().filter(|field| !optional(field)).collect();
        let given: Vec<_> = members.iter().filter(|field| !optional(field)).collect();
        assert_eq!(given, needed, "{line}");
        shown.insert(name);
    }
    let names = events.into_iter().map(|(name, _)| name);
    let all: BTreeSet<String> = names
        .chain(messages().map(|(name, _)| name.to_owned()))
        .collect();
    assert_eq!(shown, all);
}

/// Runs the first example in Python of docs/data-types.md on what a stream says.
#[test]
fn the_example_of_data_types_reads_srtp_keys() {
    const TYPES: &str = include_str!("../../../docs/data-types.md");
    if !is_here("python3", "python3") {
        return;
    }
    let (_, rest) = TYPES.split_once("```python\n").expect("it has one");
    let (example, _) = rest.split_once("```").expect("which ends");
    let keys = [&[0, 8, 32, 12][..], &[1; 32], &[2; 12], &[3; 32], &[4; 12]].concat();
    let ready = Notification::ComponentStateReady {
        component_id: 1,
        data: Zeroizing::new(keys),
    };
    let lines = [Notification::CandidateGatheringDone, ready].map(|notification| {
        let event = Event::new(&notification, Secrets::Shown);
        serde_json::to_string(&event).expect("it can be written") + "\n"
    });
    let mut python = Command::new("python3")
        .args(["-c", example])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was just run");
    let mut input = python.stdin.take().expect("it is piped");
    input
        .write_all(lines.concat().as_bytes())
        .expect("it reads");
    drop(input);
    let output = python.wait_with_output().expect("it was started here");
    assert_eq!(text(&output.stdout), "SRTP_AEAD_AES_256_GCM 44 44\n");
}
