//! A session through a TURN server.
use crate::support::Session;
use crate::wireshark;
use handclasp::trace::{Datagram, Direction, Kind, Transport};
use handclasp_tests::{Coturn, skip};
use std::net::Ipv4Addr;

/// A demo through a relay that is reached as `uri` says, if a relay can be had.
fn demo(uri: impl Fn(&Coturn) -> String, more: impl Fn(&Coturn) -> Vec<String>) -> Option<Session> {
    let coturn = match Coturn::start(Ipv4Addr::LOCALHOST.into(), |command| command) {
        Ok(coturn) => coturn,
        Err(lacking) => {
            skip("traces of relayed sessions", &lacking);
            return None;
        }
    };
    let (uri, more) = (uri(&coturn), more(&coturn));
    let mut options = vec!["--plugin", "dtls-srtp", "--relay-only", "--turn", &uri];
    options.extend(more.iter().map(String::as_str));
    let session = Session::demo(&options);
    let told = std::fs::read_to_string(session.file("session.jsonl")).expect("it is there");
    for secret in [Coturn::PASSWORD, "open%20sesame"] {
        assert!(!told.contains(secret), "{secret}");
    }
    Some(session)
}

fn relayed(session: &Session, kind: Kind) -> impl Iterator<Item = &Datagram> {
    let all = session.datagrams().map(|(_, datagram)| datagram);
    all.filter(move |datagram| datagram.relays == Some(kind))
}

#[test]
fn what_a_relay_carries_is_told_by_its_kind_and_not_kept() {
    let Some(session) = demo(Coturn::udp, |_| Vec::new()) else {
        return;
    };
    let allocates = session.datagrams().any(|(_, datagram)| {
        let stun = datagram.stun.as_ref();
        datagram.direction == Direction::Out && stun.is_some_and(|it| it.method == "allocate")
    });
    assert!(allocates);
    for kind in [Kind::Stun, Kind::Dtls, Kind::Rtp] {
        assert!(relayed(&session, kind).count() >= 4, "{kind:?}");
        for datagram in relayed(&session, kind) {
            let stun = datagram.stun.as_ref();
            let carried = stun.map(|stun| stun.method.as_str());
            match datagram.kind {
                Kind::Stun => assert!(matches!(carried, Some("send" | "data"))),
                kind => assert_eq!((kind, &datagram.contents), (Kind::TurnChannel, &None)),
            }
            assert_eq!(datagram.transport, None);
        }
    }
    let ladder = session.show(&[]);
    for part in [
        "├─ STUN allocate request to 127.0.0.1:",
        "▶      │",
        "DTLS) from 127.0.0.1:",
    ] {
        assert!(ladder.contains(part), "no {part} in\n{ladder}");
    }
}

#[test]
fn connections_to_a_relay_are_told_from_datagrams() {
    let ca = |coturn: &Coturn| {
        let certificate = coturn.certificate().display().to_string();
        vec!["--turn-ca".to_owned(), certificate]
    };
    for (session, transport) in [
        (demo(Coturn::tcp, |_| Vec::new()), Transport::Tcp),
        (demo(Coturn::tls, ca), Transport::Tls),
    ] {
        let Some(session) = session else { return };
        let mut datagrams = session.datagrams().map(|(_, datagram)| datagram);
        assert!(datagrams.all(|datagram| datagram.transport == Some(transport)));
        assert!(relayed(&session, Kind::Rtp).count() >= 10);
        session.show(&["--pcap"]);
        wireshark::a_relay_is_dissected(&session);
    }
}
