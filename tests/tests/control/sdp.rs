//! Signalling by SDP: an offer, an answer, and candidates in both.
use crate::stream;
use handclasp_tests::processes::{Pair, Side, bytes};
use serde_json::json;
use std::net::UdpSocket;

/// Has side A offer and side B answer, once all candidates are known.
fn negotiate(pair: &mut Pair) {
    for side in Side::BOTH {
        pair.expect(side, "candidate_gathering_done");
    }
    for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
        pair.send(from, &json!({"message": "generate_local_sdp"}));
        let local = pair.expect(from, "local_sdp");
        pair.send(
            to,
            &json!({"message": "parse_remote_sdp", "sdp": local["sdp"]}),
        );
        pair.expect(to, "new_remote_candidate_full");
    }
}

#[test]
fn two_descriptions_connect_two_streams() {
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], None);
    negotiate(&mut pair);
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    for side in Side::BOTH {
        pair.send_payload(side, b"\x80sdp");
        let event = pair.expect(side.other(), "ice_payload");
        assert_eq!(bytes(&event, "payload"), b"\x80sdp");
    }
}

#[test]
fn two_descriptions_make_one_component_of_two() {
    let components = "--components=2";
    let commands = [
        stream(&[components, "--controlling"]),
        stream(&[components]),
    ];
    let mut pair = Pair::start(commands, None);
    let sockets = Side::BOTH.map(|side| {
        [1, 2].map(|id| {
            let event = pair.expect_where(side, "new_candidate_full", |event| {
                event["component_id"] == id
            });
            let candidate = event["candidate"].as_str().expect("text");
            let fields: Vec<&str> = candidate.split(' ').collect();
            format!("{}:{}", fields[4], fields[5])
        })
    });
    negotiate(&mut pair);
    for side in Side::BOTH {
        let closed = pair.expect(side, "component_closed");
        let of_whom = (&closed["component_id"], &closed["by_peer"]);
        assert_eq!(of_whom, (&json!(2), &json!(false)));
        let [rtp, rtcp] = &sockets[side as usize];
        UdpSocket::bind(rtcp).expect("the component has left its socket");
        UdpSocket::bind(rtp).expect_err("component 1 is there");
    }
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
        // RTP, and a sender report of RTCP (RFC 5761, section 4).
        for packet in [b"\x80\x60\0\x01", b"\x80\xc8\0\x06"] {
            pair.send_payload(side, packet);
        }
    }
    for side in Side::BOTH {
        for packet in [b"\x80\x60\0\x01", b"\x80\xc8\0\x06"] {
            let event = pair.expect(side, "ice_payload");
            assert_eq!(event["component_id"], 1);
            assert_eq!(bytes(&event, "payload"), packet);
        }
    }
    for side in Side::BOTH {
        let (said, status) = pair.end(side);
        assert!(
            status.success(),
            "no component has failed: {}",
            pair.story()
        );
        let ready = |event: &&serde_json::Value| event["event"] == "component_state_ready";
        assert_eq!(said.iter().filter(ready).count(), 1);
    }
}
