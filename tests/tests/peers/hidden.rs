//! Our own names of multicast DNS, looked up by others.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::host::host;
use crate::{aioice, venv};
use handclasp_tests::processes::{Pair, Side, handclasp_stream};
use handclasp_tests::{Lacking, Namespace, skip};
use serde_json::{Value, json};
use std::process::Command;

const QUERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mdns_query.py");
const HIDE: &str = "--hide-addresses";

/// A stream of ours that hides, beside what asks for its names.
fn start() -> Result<(Pair, Namespace), Lacking> {
    let network = host()?;
    let mut stream = handclasp_stream();
    stream.arg(HIDE);
    let mut peer = Command::new(venv::python()?);
    peer.args(["-B", QUERY]);
    let commands = [network.inside(&stream), network.inside(&peer)];
    Ok((Pair::start(commands, None), network))
}

/// aioice hears of us, and we hear of no candidate of its: only the name leads to us.
#[test]
fn aioice_connects_to_a_hidden_candidate() {
    for controlling in Side::BOTH {
        let contact = aioice::peer()
            .and_then(|peer| Contact::start_with(&[HIDE], peer, 1, controlling, true));
        let mut contact = match contact {
            Ok(contact) => contact,
            Err(lacking) => return skip("aioice and a hidden candidate", &lacking),
        };
        contact.introduce();
        let line = contact.pass_candidate(HANDCLASP);
        assert!(
            line.contains(".local ") && !line.contains("10.77"),
            "{line}"
        );
        contact
            .pair
            .send(PEER, &json!({"message": "peer_candidate_gathering_done"}));
        contact.expect_ready();
        contact.exchange("found by its name");
        contact.part();
    }
}

#[test]
fn a_name_is_told_to_all_and_to_plain_dns_and_taken_back() {
    let (mut pair, _network) = match start() {
        Ok(started) => started,
        Err(lacking) => return skip("plain DNS and a hidden candidate", &lacking),
    };
    pair.expect(PEER, "local_credentials"); // it listens
    let candidate = pair.expect(HANDCLASP, "new_candidate_full");
    let line = candidate["candidate"].as_str().unwrap_or_default();
    let name = line.split(' ').nth(4).unwrap_or_default().to_owned();
    pair.send(PEER, &json!({"message": "ask", "name": name}));
    let told = |ttl: u32, flushes: bool| {
        let name = name.clone();
        move |event: &Value| {
            let fields = (&event["name"], &event["ttl"], &event["flushes"]);
            fields == (&json!(name), &json!(ttl), &json!(flushes))
                && event["address"] == json!(["10.77.0.1"])
        }
    };
    let answer = pair.expect_where(PEER, "answer", told(10, false));
    assert_eq!(answer["questions"], 1, "{answer}");
    pair.expect_where(PEER, "all_hear", told(120, true));
    let (_, status) = pair.end(HANDCLASP);
    assert!(status.success(), "{status}");
    pair.expect_where(PEER, "all_hear", told(0, true));
    pair.send(PEER, &json!({"message": "stop"}));
    let (_, status) = pair.end(PEER);
    assert!(status.success(), "{status}");
}
