//! aiortc's ICE and DTLS against both plugins for DTLS-SRTP, in both roles of each.
use crate::host::host;
use crate::venv;
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use handclasp_tests::{Lacking, SrtpKeys, built, skip};
use serde_json::json;
use std::process::Command;

const HANDCLASP: Side = Side::A;
const AIORTC: Side = Side::B;
/// Their own certificates are ECDSA, which is all that aiortc takes.
const PLUGINS: [&str; 2] = ["dtls-srtp", "dtls-openssl"];
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/aiortc_peer.py");

#[test]
fn handclasp_controls_and_is_the_dtls_client() {
    connect("aiortc as controlled server", HANDCLASP, HANDCLASP);
}

#[test]
fn handclasp_controls_and_is_the_dtls_server() {
    connect("aiortc as controlled client", HANDCLASP, AIORTC);
}

#[test]
fn aiortc_controls_and_is_the_dtls_server() {
    connect("aiortc as controlling server", AIORTC, HANDCLASP);
}

#[test]
fn aiortc_controls_and_is_the_dtls_client() {
    connect("aiortc as controlling client", AIORTC, AIORTC);
}

fn connect(test: &str, controlling: Side, initiator: Side) {
    for plugin in PLUGINS {
        if let Err(lacking) = connect_with(plugin, controlling, initiator) {
            skip(&format!("{test}, {plugin}"), &lacking);
        }
    }
}

fn connect_with(plugin: &str, controlling: Side, initiator: Side) -> Result<(), Lacking> {
    built(plugin)?;
    let python = venv::python()?;
    let namespace = host()?;
    let mut stream = handclasp_stream();
    stream.args(["--plugin", plugin]);
    let mut peer = Command::new(python);
    peer.args(["-B", PEER]);
    match controlling {
        HANDCLASP => stream.arg("--controlling"),
        AIORTC => peer.arg("--controlling"),
    };
    let commands = [namespace.inside(&stream), namespace.inside(&peer)];
    let mut pair = Pair::start(commands, Some(initiator));
    compare_keys(&mut pair);
    exchange(&mut pair);
    part(&mut pair, initiator);
    Ok(())
}

fn compare_keys(pair: &mut Pair) {
    let [ours, theirs] = [HANDCLASP, AIORTC].map(|side| {
        let ready = pair.expect(side, "component_state_ready");
        SrtpKeys::parse(&bytes(&ready, "handshake_data"))
    });
    assert!(ours.local != ours.remote, "each direction has its keys");
    // Not assert_eq!, which would print keys.
    assert!(
        ours == theirs.mirrored(),
        "the keys of both sides are the same"
    );
}

/// With first bytes of RTP and RTCP (RFC 7983): DTLS takes no part in it.
fn exchange(pair: &mut Pair) {
    for (side, payload) in [
        (HANDCLASP, b"\x80\x60 to aiortc"),
        (AIORTC, b"\x81\xc8 by aiortc"),
    ] {
        pair.send_payload(side, payload);
        let event = pair.expect(side.other(), "ice_payload");
        assert_eq!(bytes(&event, "payload"), payload);
    }
}

/// One says goodbye, the other hears it.
fn part(pair: &mut Pair, first: Side) {
    pair.send(first, &json!({"message": "stop"}));
    let closed = pair.expect(first.other(), "component_closed");
    assert_eq!(
        closed,
        json!({"event": "component_closed", "component_id": 1, "by_peer": true})
    );
    for side in Side::BOTH {
        let (events, status) = pair.end(side);
        assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
        assert!(status.success(), "{side:?}: {status}");
    }
}
