//! A machine whose addresses come and go, and some of which are not to be told.
use crate::run;
use crate::streams::start;
use handclasp_tests::Namespace;
use handclasp_tests::processes::{Pair, Side};
use serde_json::json;
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

/// The last two are deprecated and site-local.
const ADDRESSES: &str = "
    ip address add 10.77.0.1/24 dev eth0
    ip address add 10.78.0.1/24 dev eth0
    ip address add fd77::1/64 dev eth0 nodad
    ip address add fd77::9/64 dev eth0 nodad preferred_lft 0
    ip address add fec0::9/64 dev eth0 nodad";
/// The peer's credentials never come.
const LONG: [&str; 2] = ["--ice-timeout", "300"];

#[test]
fn addresses_are_told_as_they_come_and_not_when_they_are_gone() {
    run("addresses that come and go", || {
        let [host, other] = [Namespace::new()?, Namespace::new()?];
        let mut pair = start([&host, &other], Side::A, &LONG);
        pair.expect(Side::A, "candidate_gathering_done");
        host.run("ip link add eth0 type veth peer name eth1; ip link set eth1 up");
        host.run(ADDRESSES);
        host.run("ip link set eth0 up");
        let last = |event: &serde_json::Value| event.to_string().contains("fd77::1 ");
        pair.expect_where(Side::A, "new_candidate_full", last);
        let all = ["10.77.0.1", "10.78.0.1", "127.0.0.1", "::1", "fd77::1"];
        assert_eq!(described(&mut pair), all.map(str::to_owned).into());
        host.run("ip address del 10.77.0.1/24 dev eth0");
        thread::sleep(Duration::from_millis(1_500)); // a look at an address is good for 1 s
        let before = pair.said(Side::A).len();
        pair.send(Side::A, &json!({"message": "restart_stream"}));
        assert_eq!(
            described(&mut pair),
            all[1..].iter().map(|it| (*it).to_owned()).collect()
        );
        let told = json!(pair.said(Side::A)[before..]).to_string();
        assert!(!told.contains("10.77.0.1"), "{told}");
        assert!(told.contains("10.78.0.1"), "{told}");
        for side in Side::BOTH {
            pair.end(side);
        }
        Ok(())
    });
}

#[test]
fn a_link_that_is_down_has_nothing_to_tell() {
    run("a link that is down", || {
        let [host, other] = [Namespace::new()?, Namespace::new()?];
        // Without its other end a cable carries nothing.
        host.run("ip link add eth0 type veth peer name eth1; ip link set eth0 up");
        host.run(
            "ip link add eth2 type veth peer name eth3; ip link set eth2 up; ip link set eth3 up",
        );
        host.run("ip address add 10.77.0.1/24 dev eth0; ip address add 10.78.0.1/24 dev eth2");
        let mut pair = start([&host, &other], Side::A, &LONG);
        pair.expect(Side::A, "candidate_gathering_done");
        assert_eq!(described(&mut pair), ["10.78.0.1".to_owned()].into());
        Ok(())
    });
}

/// The addresses in A's next description of itself.
fn described(pair: &mut Pair) -> BTreeSet<String> {
    pair.send(Side::A, &json!({"message": "generate_local_sdp"}));
    let event = pair.expect(Side::A, "local_sdp");
    let sdp = event["sdp"].as_str().expect("a text");
    let candidates = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"));
    let connection = sdp.lines().find_map(|line| line.strip_prefix("c=IN "));
    let default = connection.and_then(|it| it.split(' ').nth(1));
    let addresses = candidates.filter_map(|line| line.split(' ').nth(4));
    addresses.chain(default).map(str::to_owned).collect()
}
