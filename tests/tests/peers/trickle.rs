//! Candidates that come while both are at their checks (RFC 8838).
use crate::aioice;
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::nice_peer::nice_peer;
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, skip};
use serde_json::json;
use std::process::Command;

#[test]
fn candidates_of_libnice_come_late() {
    let peer = nice_peer().map(Command::new);
    trickle("late candidates of libnice's", peer, HANDCLASP, PEER);
}

#[test]
fn candidates_of_handclasp_come_late_to_libnice() {
    let peer = nice_peer().map(Command::new);
    trickle("late candidates for libnice", peer, PEER, HANDCLASP);
}

#[test]
fn candidates_of_aioice_come_late() {
    let peer = aioice::peer();
    trickle("late candidates of aioice's", peer, HANDCLASP, PEER);
}

#[test]
fn candidates_of_handclasp_come_late_to_aioice() {
    let peer = aioice::peer();
    trickle("late candidates for aioice", peer, PEER, HANDCLASP);
}

/// A candidate that nobody answers at, 10.77.0.0/24 having no such host.
const DEAD: &str = "candidate:9 1 udp 2130706431 10.77.0.99 9 typ host";

/// Both are at their checks by the time `late` gives the first candidate that can be reached; it never
/// hears one of its peer's.
fn trickle(test: &str, peer: Result<Command, Lacking>, controlling: Side, late: Side) {
    let mute = |peer| Contact::start(peer, 1, controlling, true);
    let mut contact = match peer.and_then(mute) {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    contact.introduce();
    for side in Side::BOTH {
        contact.tell_candidate(side, DEAD);
    }
    contact.pair.expect(HANDCLASP, "new_remote_candidate_full");
    contact.pair.expect(PEER, "component_state_connecting");
    contact.pass_candidate(late);
    contact.pair.send(
        late.other(),
        &json!({"message": "peer_candidate_gathering_done"}),
    );
    contact.expect_ready();
    contact.exchange("trickled");
    contact.part();
}
