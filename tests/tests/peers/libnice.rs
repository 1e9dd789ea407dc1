//! libnice's ICE, against the plugin `none`.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::nice_peer::nice_peer;
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, skip};
use serde_json::json;
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
