//! Signalling by SDP: an offer, an answer, and candidates in both.
use crate::stream;
use handclasp_tests::processes::{Pair, Side, bytes};
use serde_json::json;

#[test]
fn two_descriptions_connect_two_streams() {
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], None);
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
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    for side in Side::BOTH {
        pair.send_payload(side, b"\x80sdp");
        let event = pair.expect(side.other(), "ice_payload");
        assert_eq!(bytes(&event, "payload"), b"\x80sdp");
    }
}
