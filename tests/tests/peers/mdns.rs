//! Candidates whose address is a name on the local network, as browsers have them.
use crate::contact::{HANDCLASP, PEER};
use crate::host::host;
use crate::venv;
use handclasp_tests::processes::{Pair, handclasp_stream};
use handclasp_tests::{Lacking, Namespace, skip};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mdns_peer.py");

/// The address that the peer's network has.
const ADDRESS: &str = "10.77.0.1";

fn start(published: &str) -> Result<(Pair, Namespace), Lacking> {
    let network = host()?;
    let mut peer = Command::new(venv::python()?);
    peer.args(["-B", SCRIPT, ADDRESS, published]);
    let commands = [network.inside(&handclasp_stream()), network.inside(&peer)];
    Ok((Pair::start(commands, Some(HANDCLASP)), network))
}

#[test]
fn a_candidate_is_checked_where_its_name_leads() {
    let (mut pair, _network) = match start("published") {
        Ok(started) => started,
        Err(lacking) => return skip("a name of multicast DNS", &lacking),
    };
    let checked = pair.expect(PEER, "checked");
    assert_eq!(checked["source"], ADDRESS);
    pair.send(HANDCLASP, &json!({"message": "stop"}));
    let (_, status) = pair.end(HANDCLASP);
    assert!(status.success(), "{status}");
}

#[test]
fn a_name_that_nobody_knows_costs_nothing() {
    let (mut pair, _network) = match start("unknown") {
        Ok(started) => started,
        Err(lacking) => return skip("an unknown name", &lacking),
    };
    pair.expect(HANDCLASP, "new_remote_candidate_full");
    let longer_than_asking = Duration::from_secs(4);
    let checked = pair.await_where(PEER, "checked", longer_than_asking, |_| true);
    assert_eq!(checked, None);
    pair.send(HANDCLASP, &json!({"message": "stop"}));
    let (events, status) = pair.end(HANDCLASP);
    let failed = |event: &&serde_json::Value| event["event"] == "component_state_failed";
    assert_eq!(events.iter().find(failed), None);
    assert!(status.success(), "{status}");
}
