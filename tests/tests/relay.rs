//! Streams that reach each other through coturn, and nowhere else.
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use handclasp_tests::{Coturn, release, skip};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A coturn on this machine, or a skipped test.
fn coturn(test: &str) -> Option<Coturn> {
    let started = Coturn::start(HERE, |command| command);
    started.inspect_err(|lacking| skip(test, lacking)).ok()
}

/// A stream that uses these relays only.
fn relayed(relays: &[String], more: &[&str]) -> Command {
    let mut command = handclasp_stream();
    command.args(["--relay-only", "--plugin", "dtls-srtp"]);
    command.args(relays.iter().flat_map(|uri| ["--turn", uri.as_str()]));
    command.args(more);
    command
}

/// Both are ready, and datagrams go both ways.
fn talk(pair: &mut Pair) {
    pair.expect_ready(1);
    echo(pair, 1);
}

fn echo(pair: &mut Pair, component_id: u16) {
    for side in Side::BOTH {
        for number in 0..20_u8 {
            let payload = vec![0x80 + number; 1 + 50 * usize::from(number)];
            pair.send_through(side, component_id, &payload);
            let event = pair.expect(side.other(), "ice_payload");
            assert_eq!(event["component_id"], component_id);
            assert_eq!(bytes(&event, "payload"), payload);
        }
    }
}

fn candidates(events: &[Value]) -> Vec<&str> {
    let told = events
        .iter()
        .filter(|event| event["event"] == "new_candidate_full");
    told.filter_map(|event| event["candidate"].as_str())
        .collect()
}

fn connect_through(uri: &str, server: &Coturn) {
    let certificate = server.certificate();
    let more = ["--turn-ca", certificate.to_str().expect("it is UTF-8")];
    let relays = [uri.to_owned()];
    let leader = relayed(&relays, &[&more[..], &["--controlling"]].concat());
    let mut pair = Pair::start([leader, relayed(&relays, &more)], Some(Side::A));
    talk(&mut pair);
    for side in Side::BOTH {
        let (events, status) = pair.end(side);
        assert!(status.success(), "{events:?}");
        let told = candidates(&events);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].ends_with(" typ relay raddr 0.0.0.0 rport 9"),
            "{told:?}"
        );
    }
}

#[test]
fn streams_connect_through_a_relay_over_udp() {
    if let Some(server) = coturn("a relay over UDP") {
        connect_through(&server.udp(), &server);
    }
}

#[test]
fn streams_connect_through_a_relay_over_tcp() {
    if let Some(server) = coturn("a relay over TCP") {
        connect_through(&server.tcp(), &server);
    }
}

#[test]
fn streams_connect_through_a_relay_over_tls() {
    if let Some(server) = coturn("a relay over TLS") {
        connect_through(&server.tls(), &server);
    }
}

#[test]
fn two_components_have_an_allocation_each() {
    let Some(server) = coturn("two components through a relay") else {
        return;
    };
    let relays = [server.udp()];
    let leader = relayed(&relays, &["--components", "2", "--controlling"]);
    let other = relayed(&relays, &["--components", "2"]);
    let mut pair = Pair::start([leader, other], Some(Side::A));
    pair.expect_ready(2);
    for component_id in [1, 2] {
        echo(&mut pair, component_id);
    }
}

#[test]
fn a_relay_that_dies_is_replaced_by_the_other() {
    let Some((one, other)) = coturn("a relay that dies").zip(coturn("another relay")) else {
        return;
    };
    let relays = [one.udp(), other.tcp()];
    let leader = relayed(&relays, &["--controlling"]);
    let mut pair = Pair::start([leader, relayed(&relays, &[])], Some(Side::A));
    talk(&mut pair);
    let (port, tls_port) = one.ports();
    drop(one);
    still_talks(&mut pair, "after one relay's end");
    // If that was not the one in use, the other is.
    let _again = Coturn::start_on(HERE, port, tls_port, |command| command).expect("it was here");
    still_talks(&mut pair, "after its return");
    drop(other);
    still_talks(&mut pair, "after the other's end");
}

/// Datagrams get through again after some have been lost.
fn still_talks(pair: &mut Pair, after: &str) {
    pair.expect_data(1, after, Duration::from_secs(80));
}

#[test]
fn a_relay_that_comes_back_is_used_again() {
    let Some(server) = coturn("a relay that comes back") else {
        return;
    };
    let (port, tls_port) = server.ports();
    let relays = [server.tcp()];
    let leader = relayed(&relays, &["--controlling"]);
    let mut pair = Pair::start([leader, relayed(&relays, &[])], Some(Side::A));
    talk(&mut pair);
    let before = Side::BOTH.map(|side| pair.expect(side, "new_selected_pair"));
    drop(server);
    for side in Side::BOTH {
        pair.expect(side, "component_state_disconnected");
    }
    let _again = Coturn::start_on(HERE, port, tls_port, |command| command).expect("it was here");
    for (side, before) in Side::BOTH.into_iter().zip(before) {
        let is_of_new_allocation = |event: &Value| event["local"] != before["local"];
        pair.expect_where(side, "new_selected_pair", is_of_new_allocation);
    }
    echo(&mut pair, 1);
}

#[test]
fn a_wrong_password_is_named_in_the_end() {
    let Some(server) = coturn("a wrong password") else {
        return;
    };
    let wrong = server.udp().replace("sesame", "barley");
    let stream = || relayed(std::slice::from_ref(&wrong), &["--ice-timeout", "1"]);
    let mut pair = Pair::start([stream(), stream()], Some(Side::A));
    let warning = pair.expect(Side::A, "warning")["warning"].to_string();
    assert!(
        warning.contains("it refuses the user or the password"),
        "{warning}"
    );
    let reason = pair.expect(Side::A, "component_state_failed")["reason"].to_string();
    assert!(
        reason.contains("it refuses the user or the password"),
        "{reason}"
    );
    assert!(!reason.contains("barley"), "{reason}");
}

#[test]
fn a_dead_server_costs_seconds() {
    release(); // built before the clock starts
    let begun = Instant::now();
    // Nobody listens, and nothing tells so.
    let dead = std::net::UdpSocket::bind((HERE, 0)).expect("a port is free");
    let port = dead.local_addr().expect("it is bound").port();
    let stream = |more: &[&str]| {
        let mut command = handclasp_stream();
        command.args(["--address", "127.0.0.1"]).args(more);
        command.arg("--stun").arg(format!("stun:127.0.0.1:{port}"));
        command
            .arg("--turn")
            .arg(format!("turn:a:b@127.0.0.1:{port}"));
        command
    };
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "host candidates wait for nothing"
    );
    for side in Side::BOTH {
        pair.expect(side, "candidate_gathering_done");
    }
    assert!(
        (5..9).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn without_a_nat_a_stun_server_adds_nothing_and_costs_nothing() {
    let Some(server) = coturn("a STUN server") else {
        return;
    };
    release(); // built before the clock starts
    let begun = Instant::now();
    let stream = |more: &[&str]| {
        let mut command = handclasp_stream();
        command.args(["--address", "127.0.0.1", "--stun", &server.stun()]);
        command.args(more);
        command
    };
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "candidate_gathering_done");
        pair.expect(side, "component_state_ready");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let (events, _) = pair.end(Side::A);
    assert_eq!(candidates(&events).len(), 1, "{events:?}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let Some(server) = coturn("an untrusted certificate") else {
        return;
    };
    let Some(other) = coturn("another certificate") else {
        return;
    };
    let certificate = other.certificate();
    let more = ["--turn-ca", certificate.to_str().expect("it is UTF-8")];
    let stream = || relayed(&[server.tls()], &more);
    let mut pair = Pair::start([stream(), stream()], None);
    let warning = pair.expect(Side::A, "warning")["warning"].to_string();
    assert!(warning.contains("certificate"), "{warning}");
}

/// How a stream ends that should not begin.
fn refusal(args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = handclasp_stream();
    command.env_remove("HANDCLASP_TURN_PASSWORD");
    command
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().expect("the command was built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn the_password_comes_from_a_file_or_the_environment() {
    let Some(server) = coturn("passwords that are not in the URI") else {
        return;
    };
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("password");
    std::fs::write(&file, format!("{}\n", Coturn::PASSWORD)).expect("it is ours");
    let file = file.to_str().expect("it is UTF-8");
    let relays = [server.udp_of_user()];
    let mut of_file = relayed(&relays, &["--controlling", "--turn-password-file", file]);
    of_file.env("HANDCLASP_TURN_PASSWORD", "the file goes first");
    let mut of_environment = relayed(&relays, &[]);
    of_environment.env("HANDCLASP_TURN_PASSWORD", Coturn::PASSWORD);
    talk(&mut Pair::start([of_file, of_environment], Some(Side::A)));
}

#[test]
fn a_user_and_a_password_are_asked_for() {
    let turn = ["--turn", "turn:alice@192.0.2.1"];
    let (code, said) = refusal(&turn, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("HANDCLASP_TURN_PASSWORD"), "{said}");
    let (code, said) = refusal(
        &[&turn[..], &["--turn-password-file", "/none"]].concat(),
        &[],
    );
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = refusal(
        &["--turn", "turn:h"],
        &[("HANDCLASP_TURN_PASSWORD", "sesame")],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("needs a user"), "{said}");
}
