use crate::control::{ErrorEvent, Event, PayloadEvent, Secrets};
use crate::ice::Pair;
use crate::stream::Notification;
use serde_json::{Value, json};
use std::net::SocketAddr;
use zeroize::Zeroizing;

fn shown(notification: &Notification) -> Value {
    serde_json::to_value(Event::new(notification, Secrets::Shown)).expect("it can be written")
}

fn redacted(notification: &Notification) -> String {
    let event = Event::new(notification, Secrets::Redacted);
    serde_json::to_string(&event).expect("it can be written")
}

#[test]
fn bytes_are_base64() {
    let event = PayloadEvent {
        component_id: 2,
        payload: &[128, 0, 255, 62],
    };
    let event = serde_json::to_value(event).expect("it can be written");
    assert_eq!(
        event,
        json!({"event": "ice_payload", "component_id": 2, "payload": "gAD/Pg=="})
    );
}

#[test]
fn a_pair_is_two_addresses() {
    let local = SocketAddr::from(([192, 0, 2, 1], 4000));
    let remote = "[2001:db8::1]:5000".parse().expect("an address");
    let over_tcp = shown(&Notification::NewSelectedPair {
        component_id: 1,
        pair: Pair::tcp(local, remote),
    });
    assert_eq!(over_tcp["transport"], "tcp");
    let pair = Pair::udp(local, remote);
    let event = shown(&Notification::NewSelectedPair {
        component_id: 1,
        pair,
    });
    assert_eq!(
        event,
        json!({"event": "new_selected_pair", "component_id": 1, "local": "192.0.2.1:4000", "remote": "[2001:db8::1]:5000", "transport": "udp"})
    );
}

#[test]
fn secrets_can_be_left_out() {
    let secret = "0123456789abcdef0123";
    let data = || Zeroizing::new(secret.as_bytes().to_vec());
    let all = [
        Notification::LocalCredentials {
            credentials: format!("ufrag {secret}"),
            generation: 0,
        },
        Notification::HandshakeData {
            component_id: 1,
            data: data(),
        },
        Notification::ComponentStateReady {
            component_id: 1,
            data: data(),
        },
        Notification::ExportedKey {
            component_id: 1,
            label: "a".to_owned(),
            key: data(),
        },
        Notification::LocalSdp {
            sdp: secret.to_owned(),
        },
    ];
    let encoded = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM=";
    for notification in &all {
        let text = shown(notification).to_string();
        assert!(text.contains(secret) || text.contains(encoded), "{text}");
        let text = redacted(notification);
        assert!(!text.contains(secret) && !text.contains(encoded), "{text}");
    }
    assert_eq!(
        redacted(&all[1]),
        r#"{"event":"handshake_data","component_id":1,"bytes":20}"#
    );
}

#[test]
fn a_complaint_names_its_line_and_column() {
    let mut error = ErrorEvent {
        line: 3,
        column: Some(9),
        error: "what".to_owned(),
    };
    let text = |error: &ErrorEvent| serde_json::to_string(error).expect("it can be written");
    assert_eq!(
        text(&error),
        r#"{"event":"error","line":3,"column":9,"error":"what"}"#
    );
    error.column = None;
    assert_eq!(text(&error), r#"{"event":"error","line":3,"error":"what"}"#);
}
