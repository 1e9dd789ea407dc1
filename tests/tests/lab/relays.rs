//! Both sides behind NATs, with help: STUN where it suffices, TURN where it does not.
use crate::internet::{Internet, Nat, PORTS, Private};
use crate::run;
use crate::streams::{expect_connection, expect_data, start, start_each};
use handclasp::trace::What;
use handclasp_tests::processes::{Pair, Side};
use handclasp_tests::{Coturn, Lacking, Traced};
use serde_json::Value;
use std::time::Duration;

/// Of doubt, new checks, and the end of an allocation.
const RECOVERY: Duration = Duration::from_secs(90);

/// What a stream is told of a relay.
type Way = fn(&Coturn) -> Vec<String>;

const UDP: Way = |server| vec![format!("--turn={}", server.udp())];
const TCP: Way = |server| vec![format!("--turn={}", server.tcp())];
const TLS: Way = |server| {
    let certificate = server.certificate();
    vec![
        format!("--turn={}", server.tls()),
        format!("--turn-ca={}", certificate.display()),
    ]
};

#[test]
fn cone_nats_connect_through_stun() {
    run("cone NATs with STUN", || {
        let internet = Internet::new()?;
        let server = internet.serve(2)?;
        let [a, b] = both_behind(&internet, Nat::Cone)?;
        for controlling in Side::BOTH {
            let arguments = ["--plugin", "dtls-srtp", "--stun", &server.stun()];
            expect_connection(&mut start([&a.host, &b.host], controlling, &arguments));
        }
        Ok(())
    });
}

#[test]
fn symmetric_nats_fail_with_stun_alone_and_say_why() {
    run("symmetric NATs with STUN", || {
        let internet = Internet::new()?;
        let server = internet.serve(2)?;
        let [a, b] = both_behind(&internet, Nat::Symmetric)?;
        let arguments = ["--ice-timeout", "5", "--stun", &server.stun()];
        let mut pair = start([&a.host, &b.host], Side::A, &arguments);
        for side in Side::BOTH {
            let failed = pair.expect(side, "component_state_failed");
            let reason = failed["reason"].as_str().expect("a sentence");
            for part in ["1 host", "1 srflx", "none was answered", "TURN"] {
                assert!(reason.contains(part), "no {part:?} in: {reason}");
            }
        }
        Ok(())
    });
}

/// With no more than the defaults.
#[test]
fn a_firewall_that_stops_every_server_is_named_in_the_end() {
    run("symmetric NATs and a firewall", || {
        let internet = Internet::new()?;
        let server = internet.serve(2)?;
        internet.block_udp(PORTS.0);
        let [a, b] = both_behind(&internet, Nat::Symmetric)?;
        let arguments = ["--stun", &server.stun(), "--turn", &server.udp()];
        let mut pair = start([&a.host, &b.host], Side::A, &arguments);
        for side in Side::BOTH {
            let failed = pair.expect(side, "component_state_failed");
            let reason = failed["reason"].as_str().expect("a sentence");
            for part in [
                "1 host",
                "none was answered",
                "no TURN server of this side's gave a relay",
                "; stun:10.99.0.2:3478, turn:10.99.0.2:3478 over UDP: no answer, is UDP port 3478 blocked?",
            ] {
                assert!(reason.contains(part), "no {part:?} in: {reason}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_dead_stun_server_beside_a_live_one_costs_seconds() {
    run("cone NATs with a dead STUN server", || {
        let internet = Internet::new()?;
        let server = internet.serve(2)?;
        let dead = PORTS.0 + 1;
        internet.block_udp(dead);
        let [a, b] = both_behind(&internet, Nat::Cone)?;
        let (dead, live) = (format!("stun:10.99.0.2:{dead}"), server.stun());
        let directory = tempfile::tempdir().expect("there is room");
        let traces = Side::BOTH.map(|side| directory.path().join(format!("{side:?}")));
        let arguments = traces.each_ref().map(|trace| {
            let trace = trace.to_str().expect("it is UTF-8");
            ["--stun", &dead, "--stun", &live, "--trace", trace]
        });
        let arguments = arguments.each_ref().map(|arguments| &arguments[..]);
        let mut pair = start_each([&a.host, &b.host], Side::A, arguments);
        for side in Side::BOTH {
            let is_reflexive = |event: &Value| event["candidate"].to_string().contains(" srflx ");
            pair.expect_where(side, "new_candidate_full", is_reflexive);
            pair.expect(side, "component_state_ready");
            pair.expect(side, "candidate_gathering_done");
        }
        for (side, trace) in Side::BOTH.into_iter().zip(&traces) {
            pair.end(side);
            let trace = Traced::read(trace);
            // By the clocks of the streams; each of these names is told once.
            let ready = trace.first(|what| matches!(what, What::ComponentStateReady { .. }));
            let gathered = trace.first(|what| *what == What::CandidateGatheringDone);
            assert!(ready < gathered, "{side:?} waited for the dead server");
            let took = trace.gathering();
            assert!((5..9).contains(&took.as_secs()), "{side:?}: {took:?}");
        }
        Ok(())
    });
}

#[test]
fn where_udp_to_the_relay_is_blocked_its_tcp_serves() {
    run("a relay whose UDP is blocked", || {
        let internet = Internet::new()?;
        let server = internet.serve(2)?;
        internet.block_udp(PORTS.0);
        let [a, b] = both_behind(&internet, Nat::Symmetric)?;
        let arguments = ["--turn", &server.udp(), "--turn", &server.tcp()];
        let mut pair = start([&a.host, &b.host], Side::A, &arguments);
        expect_connection(&mut pair);
        Ok(())
    });
}

#[test]
fn symmetric_nats_connect_through_a_relay_over_udp() {
    through_relay("a relay over UDP", UDP);
}

#[test]
fn symmetric_nats_connect_through_a_relay_over_tcp() {
    through_relay("a relay over TCP", TCP);
}

#[test]
fn symmetric_nats_connect_through_a_relay_over_tls() {
    through_relay("a relay over TLS", TLS);
}

#[test]
fn a_relay_that_dies_is_replaced_by_another() {
    run("a dead relay", || {
        let internet = Internet::new()?;
        let mut servers = vec![internet.serve(2)?, internet.serve(3)?];
        let addresses = ["10.99.0.2:", "10.99.0.3:"];
        let sides = both_behind(&internet, Nat::Symmetric)?;
        let mut pair = connect(&sides, &servers, UDP, &[]);
        // Whichever it is that data goes through.
        let selected = pair.expect(Side::A, "new_selected_pair").to_string();
        let used = addresses
            .iter()
            .position(|address| selected.contains(address));
        drop(servers.remove(used.expect("there is no other way")));
        expect_data(&mut pair, "after the relay's death", RECOVERY);
        Ok(())
    });
}

#[test]
fn a_nat_that_forgets_its_mapping_does_not_end_a_relayed_stream() {
    run("a NAT rebinding before a relay", || {
        let internet = Internet::new()?;
        let servers = [internet.serve(2)?];
        let sides = both_behind(&internet, Nat::Symmetric)?;
        let mut pair = connect(&sides, &servers, UDP, &[]);
        let mut relayed = || pair.expect_where(Side::A, "new_candidate_full", is_relayed);
        let before = relayed();
        sides[0].rebind();
        assert_ne!(relayed(), before, "an allocation ends with its mapping");
        expect_data(&mut pair, "after the rebinding", RECOVERY);
        Ok(())
    });
}

fn is_relayed(event: &Value) -> bool {
    let line = event["candidate"].as_str();
    line.is_some_and(|line| line.contains(" typ relay "))
}

fn through_relay(test: &str, way: Way) {
    run(test, || {
        let internet = Internet::new()?;
        let servers = [internet.serve(2)?];
        let sides = both_behind(&internet, Nat::Symmetric)?;
        for more in [&["--plugin", "dtls-srtp"][..], &["--relay-only"]] {
            connect(&sides, &servers, way, more);
        }
        Ok(())
    });
}

fn both_behind(internet: &Internet, kind: Nat) -> Result<[Private; 2], Lacking> {
    Ok([internet.behind(kind, 11)?, internet.behind(kind, 12)?])
}

fn connect(sides: &[Private; 2], servers: &[Coturn], way: Way, more: &[&str]) -> Pair {
    let ways: Vec<String> = servers.iter().flat_map(way).collect();
    let ways = ways.iter().map(String::as_str);
    let arguments: Vec<&str> = ways.chain(more.iter().copied()).collect();
    let [a, b] = sides;
    let mut pair = start([&a.host, &b.host], Side::A, &arguments);
    expect_connection(&mut pair);
    pair
}
