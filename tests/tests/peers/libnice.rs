//! libnice's ICE, against the plugin `none`.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::nice_peer::nice_peer;
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, skip};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn handclasp_controls_one_component() {
    meet("libnice as controlled", 1, HANDCLASP, &[]);
}

#[test]
fn handclasp_controls_two_components() {
    meet(
        "libnice as controlled, of two components",
        2,
        HANDCLASP,
        &[],
    );
}

#[test]
fn libnice_controls_one_component() {
    meet("libnice as controlling", 1, PEER, &[]);
}

#[test]
fn libnice_controls_two_components() {
    meet("libnice as controlling, of two components", 2, PEER, &[]);
}

#[test]
fn both_think_that_they_control() {
    meet(
        "a role conflict with libnice",
        1,
        HANDCLASP,
        &["--controlling"],
    );
}

#[test]
fn libnice_nominates_every_pair() {
    meet("aggressive libnice", 2, PEER, &["--aggressive"]);
}

#[test]
fn libnice_is_lite() {
    meet("libnice as a lite peer", 2, HANDCLASP, &["--lite"]);
}

#[test]
fn handclasp_restarts_and_controls() {
    restart(
        "a restart by the controlling handclasp",
        HANDCLASP,
        HANDCLASP,
    );
}

#[test]
fn handclasp_restarts_and_is_controlled() {
    restart("a restart by the controlled handclasp", HANDCLASP, PEER);
}

#[test]
fn libnice_restarts_and_controls() {
    restart("a restart by the controlling libnice", PEER, PEER);
}

#[test]
fn libnice_restarts_and_is_controlled() {
    restart("a restart by the controlled libnice", PEER, HANDCLASP);
}

#[test]
fn candidates_of_libnice_come_late() {
    trickle("late candidates of libnice's", HANDCLASP, PEER);
}

#[test]
fn candidates_of_handclasp_come_late() {
    trickle("late candidates of handclasp's", PEER, HANDCLASP);
}

#[test]
fn libnice_connects_over_tcp() {
    over_tcp("libnice as the active end of TCP", "passive", HANDCLASP);
    over_tcp(
        "libnice as the active end of TCP, controlling",
        "passive",
        PEER,
    );
}

#[test]
fn libnice_listens_for_tcp() {
    over_tcp("libnice as the passive end of TCP", "active", HANDCLASP);
    over_tcp(
        "libnice as the passive end of TCP, controlling",
        "active",
        PEER,
    );
}

#[test]
fn both_connect_and_listen_over_tcp() {
    over_tcp("libnice as both ends of TCP", "both", HANDCLASP);
    over_tcp("libnice as both ends of TCP, controlling", "both", PEER);
}

fn over_tcp(test: &str, mode: &str, controlling: Side) {
    let contact = nice_peer().and_then(|peer| {
        let mut peer = Command::new(peer);
        peer.arg("--no-udp");
        let arguments = ["--no-udp", "--tcp", mode];
        Contact::start_with(&arguments, peer, 1, controlling, false)
    });
    let mut contact = match contact {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    contact.expect_ready();
    contact.exchange("over TCP");
    contact.part();
}

pub(crate) fn start(components: u16, controlling: Side) -> Result<Contact, Lacking> {
    Contact::start(Command::new(nice_peer()?), components, controlling, false)
}

fn meet(test: &str, components: u16, controlling: Side, arguments: &[&str]) {
    let contact = nice_peer().and_then(|peer| {
        let mut peer = Command::new(peer);
        peer.args(arguments);
        Contact::start(peer, components, controlling, false)
    });
    let mut contact = match contact {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    contact.expect_ready();
    contact.exchange("first");
    contact.part();
}

fn restart(test: &str, restarting: Side, controlling: Side) {
    let mut contact = match start(2, controlling) {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    contact.expect_ready();
    contact.expect_of_each(HANDCLASP, "new_selected_pair");
    contact.exchange("before");
    contact
        .pair
        .send(restarting, &json!({"message": "restart_stream"}));
    contact.exchange("meanwhile");
    contact.expect_of_each(HANDCLASP, "new_selected_pair");
    contact.expect_of_each(PEER, "component_state_ready");
    contact.exchange("after");
    let events = contact.part();
    let times = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(times("local_credentials"), 2, "{events:?}");
    // The handshake stays: nothing of it is said again.
    assert_eq!(times("handshake_init_data"), 2, "once of each component");
    assert_eq!(times("component_state_ready"), 2, "once of each component");
}

/// A candidate that nobody answers at, 10.77.0.0/24 having no such host.
const DEAD: &str = "candidate:9 1 udp 2130706431 10.77.0.99 9 typ host";

/// Both are at their checks by the time `late` gives the first candidate that can be reached; it never
/// hears one of its peer's.
fn trickle(test: &str, controlling: Side, late: Side) {
    let mute = |peer| Contact::start(Command::new(peer), 1, controlling, true);
    let mut contact = match nice_peer().and_then(mute) {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    let pair = &mut contact.pair;
    for side in Side::BOTH {
        let said = pair.expect(side, "local_credentials");
        pair.send(
            side.other(),
            &json!({"message": "set_remote_credentials", "credentials": said["credentials"]}),
        );
        pair.send(side.other(), &candidate(DEAD.into()));
    }
    pair.expect(HANDCLASP, "new_remote_candidate_full");
    pair.expect(PEER, "component_state_connecting");
    loop {
        let said = pair.expect(late, "new_candidate_full");
        let line = said["candidate"].as_str().expect("a candidate is a string");
        if line.to_lowercase().contains(" udp ") {
            pair.send(late.other(), &candidate(line.into()));
            break;
        }
    }
    pair.send(
        late.other(),
        &json!({"message": "peer_candidate_gathering_done"}),
    );
    contact.expect_ready();
    contact.exchange("trickled");
    contact.part();
}

fn candidate(line: Value) -> Value {
    json!({"message": "set_remote_candidate", "component_id": 1, "candidate": line})
}
