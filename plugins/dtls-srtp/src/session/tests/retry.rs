//! Servers that want a second ClientHello, which this plugin's own never do: its numbers then count from 1.
use super::super::*;
use super::link::*;
use crate::config;
use crate::fingerprint::Fingerprints;
use crate::parameters::Version;
use std::sync::Arc;
use std::time::Instant;

/// Shakes hands with a server of dimpl's that asks for a cookie; whether it finishes.
fn finishes(version: Version, server: ProtocolVersion) -> bool {
    let (mine, theirs) = (identity(), identity());
    let config = |wants_cookie| {
        let config = config::builder(MTU).use_server_cookie(wants_cookie);
        Arc::new(config.build().expect("the settings are valid"))
    };
    let new = match server {
        ProtocolVersion::DTLS1_3 => Dtls::new_13,
        _ => Dtls::new_12,
    };
    let start = Instant::now();
    let mut server = new(config(true), theirs.certificate().clone(), start);
    server.handle_timeout(start).expect("nothing is due");
    let now = Time::from_nanos(1_000_000_000_000);
    let parameters = Parameters {
        version,
        role: Role::Initiator,
        config: config(false),
        identity: mine,
        peer: Fingerprints::parse(theirs.init_data().as_bytes()).expect("a usable promise"),
    };
    let mut session = Session::new(parameters, now);
    let mut said = Record::default();
    session.start(now, &mut said).expect("a hello leaves");
    let (mut buffer, mut hellos) = (vec![0; 1 << 16], 0);
    for _ in 0..5 {
        let mut answers = Vec::new();
        for datagram in said.sent.drain(..) {
            hellos += usize::from(client_random(&datagram).is_some());
            server.handle_packet(&datagram).expect("it is genuine");
        }
        loop {
            match server.poll_output(&mut buffer) {
                Output::Packet(datagram) => answers.push(datagram.to_vec()),
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        for datagram in answers {
            let progress = session.receive(&datagram, now, &mut said);
            if progress.expect("it is genuine").finished.is_some() {
                return hellos == 2;
            }
        }
    }
    false
}

#[test]
fn a_server_that_wants_a_second_hello_gets_it() {
    for (version, server) in [
        (Version::Auto, ProtocolVersion::DTLS1_2),
        (Version::Auto, ProtocolVersion::DTLS1_3),
        (Version::Dtls12, ProtocolVersion::DTLS1_2),
        (Version::Dtls13, ProtocolVersion::DTLS1_3),
    ] {
        assert!(finishes(version, server), "{version:?} with {server:?}");
    }
}
