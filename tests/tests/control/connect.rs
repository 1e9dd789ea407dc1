//! Two streams, and a program between them that carries their signalling.
use crate::stream;
use handclasp_tests::processes::{Pair, Side, bytes};
use serde_json::json;

fn pair(arguments: &[&str]) -> Pair {
    let a = [arguments, &["--controlling"]].concat();
    Pair::start([stream(&a), stream(arguments)], Some(Side::A))
}

fn expect_payload(pair: &mut Pair, side: Side, payload: &[u8]) {
    let event = pair.expect(side, "ice_payload");
    assert_eq!(bytes(&event, "payload"), payload);
}

fn expect_ready(pair: &mut Pair) {
    for side in Side::BOTH {
        let ready = pair.expect(side, "component_state_ready");
        assert_eq!(
            ready,
            json!({"event": "component_state_ready", "component_id": 1, "handshake_data": ""})
        );
    }
}

#[test]
fn data_goes_both_ways_and_stop_ends_well() {
    let mut pair = pair(&[]);
    expect_ready(&mut pair);
    let long: Vec<u8> = (0..60_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    for side in Side::BOTH {
        for payload in [&[128, side as u8][..], &long, b"\xff"] {
            pair.send_payload(side, payload);
            expect_payload(&mut pair, side.other(), payload);
        }
    }
    pair.send(Side::A, &json!({"message": "stop"}));
    pair.expect(Side::A, "stopped");
    for side in Side::BOTH {
        let (events, status) = pair.end(side);
        assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
        assert_eq!(status.code(), Some(0));
        let order: Vec<_> = [
            "handshake_init_data",
            "local_credentials",
            "new_candidate_full",
        ]
        .iter()
        .map(|name| events.iter().position(|event| event["event"] == *name))
        .collect();
        assert!(order.is_sorted() && order[0].is_some(), "{events:?}");
    }
}

#[test]
fn each_component_has_its_own_data() {
    let mut pair = pair(&["--components", "2"]);
    for side in Side::BOTH {
        for component_id in [1, 2] {
            pair.expect_where(side, "component_state_ready", |event| {
                event["component_id"] == component_id
            });
        }
    }
    for component_id in [2, 1] {
        let payload = format!("gAA{component_id}");
        pair.send(
            Side::B,
            &json!({"message": "send_payload", "component_id": component_id, "payload": payload}),
        );
        let event = pair.expect(Side::A, "ice_payload");
        assert_eq!(
            event,
            json!({"event": "ice_payload", "component_id": component_id, "payload": payload})
        );
    }
}

#[test]
fn data_goes_on_through_a_restart() {
    let mut pair = pair(&[]);
    expect_ready(&mut pair);
    let before = pair.expect(Side::A, "local_credentials");
    pair.expect(Side::B, "local_credentials");
    pair.expect(Side::A, "new_selected_pair");
    pair.expect(Side::B, "new_selected_pair");
    pair.send(Side::A, &json!({"message": "restart_stream"}));
    pair.send_payload(Side::A, b"\x80 over the old pair");
    expect_payload(&mut pair, Side::B, b"\x80 over the old pair");
    let after = pair.expect(Side::A, "local_credentials");
    assert_ne!(before, after);
    pair.expect(Side::B, "local_credentials");
    pair.expect(Side::A, "new_selected_pair");
    pair.expect(Side::B, "new_selected_pair");
    for (side, payload) in [(Side::A, b"\x80 from a"), (Side::B, b"\x80 from b")] {
        pair.send_payload(side, payload);
        expect_payload(&mut pair, side.other(), payload);
    }
    // The handshake stays: nothing of it is said again.
    let (events, status) = pair.end(Side::A);
    let said = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(said("handshake_init_data"), 1);
    assert_eq!(said("component_state_ready"), 1);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_closed_stream_stays_to_report_it() {
    let mut pair = pair(&[]);
    expect_ready(&mut pair);
    pair.send(Side::A, &json!({"message": "close"}));
    let closed = pair.expect(Side::A, "component_closed");
    assert_eq!(
        closed,
        json!({"event": "component_closed", "component_id": 1, "by_peer": false})
    );
    pair.send_payload(Side::A, b"\x80");
    pair.expect(Side::A, "could_not_send_payload");
    let (events, status) = pair.end(Side::A);
    let last = &events[events.len() - 1];
    assert_eq!(last, &json!({"event": "stopped"}));
    assert_eq!(status.code(), Some(0));
}
