//! A peer that hides its addresses behind names, as browsers do, and hears of no candidate of ours: only the
//! name can lead the two together.
use crate::aioice;
use crate::contact::{Contact, HANDCLASP, PEER};
use handclasp_tests::processes::Side;
use handclasp_tests::{Lacking, skip};
use serde_json::Value;
use std::time::Duration;

/// Each knows the other's credentials, and ours the name of aioice's candidate.
fn start(controlling: Side, names: &str) -> Result<Contact, Lacking> {
    let mut peer = aioice::peer()?;
    peer.args(["--hide", names]);
    let mut contact = Contact::start(peer, 1, controlling, true)?;
    contact.introduce();
    let line = contact.pass_candidate(PEER);
    assert!(
        line.contains(".local ") && !line.contains("10.77"),
        "{line}"
    );
    Ok(contact)
}

#[test]
fn a_name_leads_to_a_connection() {
    for controlling in Side::BOTH {
        let mut contact = match start(controlling, "published") {
            Ok(contact) => contact,
            Err(lacking) => return skip("a name of multicast DNS", &lacking),
        };
        contact.expect_ready();
        contact.exchange("found by its name");
        contact.part();
    }
}

#[test]
fn a_name_that_nobody_knows_costs_nothing() {
    let mut contact = match start(HANDCLASP, "unknown") {
        Ok(contact) => contact,
        Err(lacking) => return skip("an unknown name", &lacking),
    };
    let longer_than_asking = Duration::from_secs(4);
    let ready = "component_state_ready";
    let told = contact
        .pair
        .await_where(HANDCLASP, ready, longer_than_asking, |_| true);
    assert_eq!(told, None);
    // Nothing is lost: once the peer knows where we are, its checks tell where it is.
    contact.pass_candidate(HANDCLASP);
    contact.expect_ready();
    contact.exchange("found without its name");
    let events = contact.part();
    let taken_in = |event: &&Value| event["event"] == "new_remote_candidate_full";
    assert_eq!(events.iter().find(taken_in), None);
}
