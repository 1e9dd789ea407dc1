//! aioice's ICE, against the plugin `none`. It has no restart.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::venv;
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, skip};
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/aioice_peer.py");

#[test]
fn handclasp_controls_one_component() {
    connect("aioice as controlled", 1, HANDCLASP);
}

#[test]
fn handclasp_controls_two_components() {
    connect("aioice as controlled, of two components", 2, HANDCLASP);
}

#[test]
fn aioice_controls_one_component() {
    connect("aioice as controlling", 1, PEER);
}

#[test]
fn aioice_controls_two_components() {
    connect("aioice as controlling, of two components", 2, PEER);
}

#[test]
fn both_think_that_they_control() {
    let contact = peer().and_then(|mut peer| {
        peer.arg("--controlling");
        Contact::start(peer, 1, HANDCLASP, false)
    });
    meet("a role conflict with aioice", contact);
}

fn connect(test: &str, components: u16, controlling: Side) {
    meet(test, start(components, controlling));
}

fn meet(test: &str, contact: Result<Contact, Lacking>) {
    let mut contact = match contact {
        Ok(contact) => contact,
        Err(lacking) => return skip(test, &lacking),
    };
    contact.expect_ready();
    contact.exchange("first");
    contact.part();
}

pub(crate) fn start(components: u16, controlling: Side) -> Result<Contact, Lacking> {
    Contact::start(peer()?, components, controlling, false)
}

pub(crate) fn peer() -> Result<Command, Lacking> {
    let mut peer = Command::new(venv::python()?);
    peer.args(["-B", SCRIPT]);
    Ok(peer)
}
