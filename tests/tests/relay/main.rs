//! Streams that reach each other through coturn, and nowhere else.
mod certificates;
mod flows;

use handclasp::trace::{Datagram, Direction, Kind, Trace, What};
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use handclasp_tests::{Coturn, Traced, heard, skip};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
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
            told[0].contains(" typ relay raddr 0.0.0.0 rport 9 ufrag "),
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

/// The server need not wait for ten minutes until it may give the port to another, nor the peer for silence.
#[test]
fn a_signal_frees_the_relay_and_the_peer_hears_the_farewell() {
    let Some(server) = coturn("a relay and a signal") else {
        return;
    };
    let relays = [server.udp()];
    for signal in heard([Signal::HUP, Signal::INT, Signal::TERM]) {
        let mut direct = handclasp_stream();
        direct.args(["--plugin", "dtls-srtp"]);
        let leader = relayed(&relays, &["--controlling"]);
        let mut pair = Pair::start([leader, direct], Some(Side::A));
        pair.expect_ready(1);
        let process = Pid::from_raw(pair.process_id(Side::A).cast_signed());
        kill_process(process.expect("it has one"), signal).expect("it runs");
        assert_eq!(pair.expect(Side::B, "component_closed")["by_peer"], true);
        let (events, status) = pair.end(Side::A);
        assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
        assert_eq!(status.code(), Some(128 + signal.as_raw()));
        server.await_log(1, &["refreshed", "lifetime=0"]);
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

/// What a side tells the other before they connect, once its gathering is over.
fn words(pair: &mut Pair, side: Side) -> Vec<Value> {
    let init_data = pair.expect(side, "handshake_init_data")["init_data"].take();
    let credentials = pair.expect(side, "local_credentials")["credentials"].take();
    let candidate = pair.expect(side, "new_candidate_full")["candidate"].take();
    pair.expect(side, "candidate_gathering_done");
    let role = match side {
        Side::A => "responder",
        Side::B => "initiator",
    };
    vec![
        json!({"message": "set_peer_init_data", "component_id": 1, "role": role, "init_data": init_data}),
        json!({"message": "set_remote_credentials", "credentials": credentials}),
        json!({"message": "set_remote_candidate", "component_id": 1, "candidate": candidate}),
    ]
}

/// What a stream has received and sent, as far as that is in its trace yet.
fn datagrams(trace: &Path) -> Vec<Datagram> {
    let contents = std::fs::read(trace).expect("it was asked for");
    let trace = Trace::read(&*contents).unwrap_or_else(|error| panic!("{error}"));
    let records = trace.records.into_iter();
    let datagrams = records.filter_map(|record| match record.what {
        What::Datagram(datagram) => Some(datagram),
        _ => None,
    });
    datagrams.collect()
}

/// Each answer of the server's to a request for a permission: its error, if it is one.
fn permissions(trace: &Path) -> Vec<Option<u16>> {
    let datagrams = datagrams(trace).into_iter();
    let answers = datagrams.filter(|it| it.direction == Direction::In);
    answers
        .filter_map(|answer| answer.stun)
        .filter(|stun| stun.method == "create_permission")
        .map(|stun| stun.error_code)
        .collect()
}

/// Datagrams of the application's that went over a channel (RFC 8656 §12).
fn on_channel(trace: &Path) -> usize {
    let datagrams = datagrams(trace).into_iter();
    let is_on_channel = |it: &Datagram| {
        it.direction == Direction::Out
            && (it.kind, it.relays) == (Kind::TurnChannel, Some(Kind::Rtp))
    };
    datagrams.filter(is_on_channel).count()
}

#[test]
fn a_busy_pair_goes_over_a_channel() {
    let Some(server) = coturn("a channel") else {
        return;
    };
    let directory = tempfile::tempdir().expect("there is room");
    let traces = ["a", "b"].map(|name| directory.path().join(name));
    let relays = [server.udp()];
    let stream = |index: usize, more: &[&str]| {
        let mut stream = relayed(&relays, more);
        stream.arg("--trace").arg(&traces[index]);
        stream
    };
    let commands = [stream(0, &["--controlling"]), stream(1, &[])];
    let mut pair = Pair::start(commands, Some(Side::A));
    talk(&mut pair);
    // A request for it leaves a while after the one for the permission.
    let begun = Instant::now();
    while !traces.iter().all(|trace| on_channel(trace) > 0) {
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(60), "no channel after {took:?}");
        echo(&mut pair, 1);
    }
}

/// A relay that does not answer holds up the end of gathering for longer than the server takes the nonce that it
/// gave with the allocation.
#[test]
fn a_nonce_that_has_gone_stale_is_replaced() {
    let server = match Coturn::start_with(HERE, "stale-nonce=1") {
        Ok(server) => server,
        Err(lacking) => return skip("a stale nonce", &lacking),
    };
    let (_silent, port) = silent();
    let relays = [server.udp(), format!("turn:a:b@127.0.0.1:{port}")];
    let directory = tempfile::tempdir().expect("there is room");
    let traces = ["a", "b"].map(|name| directory.path().join(name));
    let stream = |index: usize, more: &[&str]| {
        let mut stream = relayed(&relays, more);
        stream.arg("--trace").arg(&traces[index]);
        stream
    };
    let commands = [stream(0, &["--controlling"]), stream(1, &[])];
    let mut pair = Pair::start(commands, None);
    for side in Side::BOTH {
        for word in words(&mut pair, side) {
            pair.send(side.other(), &word);
        }
    }
    talk(&mut pair);
    for (side, trace) in Side::BOTH.into_iter().zip(&traces) {
        let (events, status) = pair.end(side);
        assert!(status.success(), "{events:?}");
        let permissions = permissions(trace);
        assert_eq!(permissions[0], Some(438), "it was fresh: {permissions:?}");
        assert!(permissions.contains(&None), "{permissions:?}");
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
fn a_wrong_password_is_named_at_once() {
    let Some(server) = coturn("a wrong password") else {
        return;
    };
    let wrong = server.udp().replace("sesame", "barley");
    for reason in refusals(&wrong) {
        assert_eq!(
            reason,
            format!(
                "ICE failed: no relayed candidate from turn:{} over UDP: it refuses the user or the \
                 password",
                server.udp().rsplit('@').next().expect("it has a user")
            )
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_named_at_once() {
    let (socket, port) = silent();
    drop(socket);
    for (transport, uri) in [("UDP", ""), ("TCP", "?transport=tcp")] {
        for reason in refusals(&format!("turn:a:b@127.0.0.1:{port}{uri}")) {
            assert_eq!(
                reason,
                format!(
                    "ICE failed: no relayed candidate from turn:127.0.0.1:{port}{uri} over {transport}: \
                     connection refused"
                )
            );
        }
    }
}

/// Why two streams fail that use nothing but this relay, long before the time for ICE is over.
fn refusals(uri: &str) -> [String; 2] {
    let stream = || relayed(&[uri.to_owned()], &["--ice-timeout", "3600"]);
    let mut pair = Pair::start([stream(), stream()], Some(Side::A));
    Side::BOTH.map(|side| {
        let time = Duration::from_secs(60);
        let failed = pair.await_where(side, "component_state_failed", time, |_| true);
        let failed = failed.expect("it does not wait for ICE's timeout");
        failed["reason"].as_str().expect("it is text").to_owned()
    })
}

/// A port of UDP that nobody listens at, though nothing tells so.
fn silent() -> (UdpSocket, u16) {
    let silent = UdpSocket::bind((HERE, 0)).expect("a port is free");
    let port = silent.local_addr().expect("it is bound").port();
    (silent, port)
}

/// Two streams at 127.0.0.1 with these servers, each with a trace of itself, which are read once both have gathered, are
/// ready and have ended; and what they said.
fn traced(servers: &[&str]) -> [(Traced, Vec<Value>); 2] {
    let directory = tempfile::tempdir().expect("there is room");
    let trace = |side: Side| directory.path().join(format!("{side:?}"));
    let commands = Side::BOTH.map(|side| {
        let mut command = handclasp_stream();
        command.args(["--address", "127.0.0.1"]).args(servers);
        command.arg("--trace").arg(trace(side));
        command.args((side == Side::A).then_some("--controlling"));
        command
    });
    let mut pair = Pair::start(commands, Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
        pair.expect(side, "candidate_gathering_done");
    }
    Side::BOTH.map(|side| {
        let (events, _) = pair.end(side);
        (Traced::read(&trace(side)), events)
    })
}

#[test]
fn a_dead_server_costs_seconds() {
    let (_silent, port) = silent();
    let (stun, turn) = (
        format!("stun:127.0.0.1:{port}"),
        format!("turn:a:b@127.0.0.1:{port}"),
    );
    for (trace, _) in traced(&["--stun", &stun, "--turn", &turn]) {
        let ready = trace.first(|what| matches!(what, What::ComponentStateReady { .. }));
        let gathered = trace.first(|what| *what == What::CandidateGatheringDone);
        assert!(ready < gathered, "host candidates wait for nothing");
        let took = trace.gathering();
        assert!((5..9).contains(&took.as_secs()), "{took:?}");
    }
}

#[test]
fn without_a_nat_a_stun_server_adds_nothing_and_costs_nothing() {
    let Some(server) = coturn("a STUN server") else {
        return;
    };
    for (trace, events) in traced(&["--stun", &server.stun()]) {
        // By its own clock: nothing was waited for.
        let took = trace.gathering();
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(candidates(&events).len(), 1, "{events:?}");
    }
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
    let time = Duration::from_secs(60);
    let warning = pair.await_where(Side::A, "warning", time, |_| true);
    let warning = warning.expect("it is told")["warning"].to_string();
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
    // As some editors write it, on some systems.
    let text = format!("\u{feff}{}\r\n", Coturn::PASSWORD);
    std::fs::write(&file, text).expect("it is ours");
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
    assert_eq!(code, Some(2), "{said}");
    let user = "turn:h:3478 has no user: write turn:USER@h:3478";
    assert!(said.contains(user), "{said}");
}
