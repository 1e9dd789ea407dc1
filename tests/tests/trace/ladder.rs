//! What `handclasp trace` prints.
use crate::support::Session;
use handclasp::trace::{Direction, Fate, Kind, StunClass, What};
use serde_json::Value;

/// Lossy enough that something is sent again.
const LOSSY: [&str; 6] = ["--plugin", "dtls-srtp", "--loss", "30", "--seed", "7"];

#[test]
fn both_sides_stand_in_one_trace() {
    let session = Session::demo(&LOSSY);
    assert!(!session.trace.cut_off);
    for side in ["a", "b"] {
        let of_side = || {
            let records = session.trace.records.iter();
            records
                .filter(|record| record.stream == side)
                .map(|record| &record.what)
        };
        for (what, is) in [
            (
                "its opening",
                (|what| matches!(what, What::Opened { plugin, .. } if plugin == "dtls-srtp"))
                    as fn(&What) -> bool,
            ),
            ("a candidate", |what| {
                matches!(what, What::NewCandidateFull { .. })
            }),
            ("the peer's candidate", |what| {
                matches!(what, What::NewRemoteCandidateFull { .. })
            }),
            ("its pair", |what| {
                matches!(what, What::NewSelectedPair { .. })
            }),
            ("its finish", |what| {
                matches!(what, What::HandshakeData { bytes: 92, .. })
            }),
            ("its readiness", |what| {
                matches!(what, What::ComponentStateReady { .. })
            }),
            ("its close, by itself or by the other", |what| {
                matches!(what, What::ComponentClosed { .. })
            }),
            ("its end", |what| matches!(what, What::Stopped)),
        ] {
            assert!(of_side().any(is), "{side} lacks {what}");
        }
        let calls: Vec<&str> = of_side()
            .filter_map(|what| match what {
                What::Call(call) => Some(call.call.as_str()),
                _ => None,
            })
            .collect();
        for call in ["init", "set_peer", "connection_ready", "recv_from_peer"] {
            assert!(calls.contains(&call), "{side} lacks {call}: {calls:?}");
        }
    }
    // Whom the other's goodbye reaches before its own is closed by that.
    let is_close = |what: &What| matches!(what, What::Call(call) if call.call == "close");
    let mut records = session.trace.records.iter();
    assert!(records.any(|record| is_close(&record.what)));
}

#[test]
fn checks_are_told_with_what_they_ask() {
    let session = Session::demo(&LOSSY);
    let mut nominations = 0;
    for (side, datagram) in session.datagrams().filter(|(_, it)| it.kind == Kind::Stun) {
        let stun = datagram.stun.as_ref().expect("STUN is told");
        assert_eq!(
            (stun.method.as_str(), stun.transaction.len()),
            ("binding", 24)
        );
        let contents = datagram.contents.as_ref().expect("STUN is kept");
        assert_eq!(contents.len(), usize::from(datagram.bytes));
        if stun.use_candidate {
            assert_eq!(stun.class, StunClass::Request);
            assert_eq!(
                side == "a",
                datagram.direction == Direction::Out,
                "a controls"
            );
            nominations += 1;
        }
    }
    assert!(nominations > 0);
}

#[test]
fn what_is_dropped_on_purpose_is_told_and_never_arrives() {
    let session = Session::demo(&LOSSY);
    let count = |direction, is: fn(Option<Fate>) -> bool| {
        let all = session.datagrams().map(|(_, it)| it);
        all.filter(|it| it.direction == direction && is(it.fate))
            .count()
    };
    let is_lost = |fate| fate == Some(Fate::Lost);
    assert!(count(Direction::Out, is_lost) > 0);
    let left = count(Direction::Out, |fate| fate.is_none());
    let arrived = count(Direction::In, |_| true);
    // At the very end some may find nobody any more.
    assert!(
        arrived <= left && arrived > left / 2,
        "{left} left, {arrived} arrived"
    );
}

#[test]
fn the_ladder_has_both_rails_arrows_and_notes() {
    let session = Session::demo(&LOSSY);
    let ladder = session.show(&[]);
    assert!(!ladder.contains('\u{1b}'), "colours are for terminals");
    let first = ladder.lines().next().expect("it has lines");
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["a", "b"]);
    for part in [
        "├─ STUN binding request, USE-CANDIDATE, 100 B ─",
        "─ STUN binding success, 64 B ─┤",
        "✗ lost  │",
        "├─ DTLS ClientHello, ",
        "DTLS ServerHello, encrypted ×",
        "│ selected pair 127.0.0.1:",
        "│ handshake finished, 92 bytes of keys (not kept)",
        "recv_from_peer: finished, ",
        "RTP or RTCP",
        "\na, component 1: connected after ",
        "\nb, component 1: connected after ",
    ] {
        assert!(ladder.contains(part), "no {part} in\n{ladder}");
    }
    let wide = ladder
        .lines()
        .filter(|line| line.contains(" ms  │") || line.contains(" ms  ├"));
    for line in wide {
        assert_eq!(line.chars().count(), 80, "{line}");
    }
}

#[test]
fn the_summary_counts() {
    let session = Session::demo(&LOSSY);
    let summary: Value = serde_json::from_str(&session.show(&["--json"])).expect("it is JSON");
    assert_eq!(
        (&summary["cut_off"], &summary["missed"]),
        (&false.into(), &0.into())
    );
    for (index, side) in ["a", "b"].into_iter().enumerate() {
        let stream = &summary["streams"][index];
        let of_side = || {
            let all = session.datagrams().filter(|(stream, _)| *stream == side);
            all.map(|(_, datagram)| datagram)
        };
        assert_eq!(
            (&stream["stream"], &stream["plugin"]),
            (&side.into(), &"dtls-srtp".into())
        );
        let component = &stream["components"]["1"];
        let number = |name: &str| {
            component[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no {name}: {component}"))
        };
        assert!(number("selected_us") > 0);
        assert!(number("finished_us") <= number("ready_us"));
        assert!(number("checks_answered") <= number("checks_sent"));
        let sent = of_side().filter(|it| it.direction == Direction::Out);
        let rtp = sent.filter(|it| it.kind == Kind::Rtp).count();
        assert_eq!((&component["sent"]["rtp"], rtp), (&10.into(), 10));
        let lost = of_side().filter(|it| it.fate == Some(Fate::Lost)).count();
        assert_eq!(number("lost"), lost as u64);
        assert_eq!(component["calls"]["init"]["count"], 1);
    }
}

#[test]
fn components_are_told_apart() {
    let session = Session::demo(&["--plugin", "none", "--components", "2"]);
    let ladder = session.show(&[]);
    for id in [1, 2] {
        for part in [
            format!("│ {id}: init: finished"),
            format!("├─ {id}: STUN binding request"),
        ] {
            assert!(ladder.contains(&part), "no {part} in\n{ladder}");
        }
    }
}

#[test]
fn one_stream_of_several_can_be_chosen() {
    let session = Session::demo(&["--plugin", "none"]);
    let ladder = session.show(&["--stream", "b"]);
    let first = ladder.lines().next().expect("it has lines");
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["b", "peer"]);
    assert!(!ladder.contains("a, component"));
}

#[test]
fn a_session_at_full_load_is_recorded_whole() {
    const MANY: u64 = 5000;
    let session = Session::demo(&["--plugin", "dtls-srtp", "--datagrams", "5000"]);
    let summary: Value = serde_json::from_str(&session.show(&["--json"])).expect("it is JSON");
    assert_eq!(summary["missed"], 0);
    for stream in [0, 1] {
        let component = &summary["streams"][stream]["components"]["1"];
        for way in ["sent", "received"] {
            let counts = component[way].as_object().expect("they are counted");
            let data = |kind| counts.get(kind).and_then(Value::as_u64).unwrap_or_default();
            let data = data("rtp") + data("other");
            assert_eq!(data, MANY, "{stream} {way}: {component}");
        }
    }
    let ladder = session.show(&[]);
    let is_unseen = |line: &str| line.contains("?  │") || line.contains("│  ?");
    let mut data = ladder.lines().filter(|line| line.contains("RTP or RTCP"));
    assert!(!data.any(is_unseen), "{ladder}");
}
