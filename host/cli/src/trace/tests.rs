//! Whatever stands in a trace, it can be drawn.
use super::ladder::Ladder;
use super::summary::Summary;
use super::{capture, page, terminal};
use handclasp::trace;
use proptest::prelude::*;

#[path = "../../../src/trace/tests/strategy.rs"]
mod strategy;

/// The records of a capture: captured and original length, and the packet.
fn packets(capture: &[u8]) -> Vec<(usize, &[u8])> {
    let mut rest = &capture[24..];
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let number = |at: usize| {
            let bytes = rest[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes) as usize
        };
        let (captured, length) = (number(8), number(12));
        packets.push((length, &rest[16..16 + captured]));
        rest = &rest[16 + captured..];
    }
    packets
}

proptest! {
    #[test]
    fn the_ladders_rails_are_straight(trace in strategy::trace()) {
        let drawn = terminal::draw(&Ladder::of(&trace), &Summary::of(&trace));
        let plain = anstream::adapter::strip_str(&drawn).to_string();
        let is_rail = |c: &char| matches!(c, '│' | '├' | '┤');
        for line in plain.lines() {
            let line: Vec<char> = line.chars().collect();
            if line.get(13).is_some_and(is_rail) {
                prop_assert!(line.len() == 80 && is_rail(&line[79]), "{:?}", line);
            }
        }
        let steers = plain.contains('\u{1b}');
        prop_assert!(!steers);
    }

    #[test]
    fn a_page_is_well_formed(trace in strategy::trace()) {
        let page = page::draw(&Ladder::of(&trace), &Summary::of(&trace));
        let opened = page.matches("<g ").count();
        prop_assert_eq!(opened, page.matches("</g>").count());
        prop_assert_eq!(opened, Ladder::of(&trace).rows.len());
        prop_assert!(page.ends_with("</body>\n</html>\n"));
    }

    #[test]
    fn a_capture_is_well_formed(trace in strategy::trace()) {
        let capture = capture::of(&trace);
        for (length, packet) in packets(&capture) {
            prop_assert!(packet.len() <= length && length <= 40 + 20 + 65535);
            let version = packet[0] >> 4;
            prop_assert!(version == 4 || version == 6);
        }
    }

    #[test]
    fn a_summary_is_an_object(trace in strategy::trace()) {
        let summary = serde_json::to_value(Summary::of(&trace)).expect("it can be written");
        prop_assert_eq!(&summary["cut_off"], trace.cut_off);
    }
}

/// A line of a connection: its addresses are `local` and `remote`, whichever way it goes.
fn over_tcp(
    direction: trace::Direction,
    [local, remote]: [&str; 2],
    stun: Option<&str>,
    (bytes, contents): (u16, Option<&[u8]>),
) -> trace::What {
    let address = |text: &str| text.parse().expect("it is an address");
    let stun = stun.map(|method| trace::Stun {
        class: trace::StunClass::Request,
        method: method.to_owned(),
        transaction: "00".repeat(12),
        use_candidate: false,
        error_code: None,
    });
    trace::What::Datagram(trace::Datagram {
        component_id: 1,
        direction,
        local: address(local),
        remote: address(remote),
        transport: Some(trace::Transport::Tcp),
        bytes,
        kind: trace::Kind::Other,
        relays: None,
        fate: None,
        reason: None,
        waits: None,
        stun,
        contents: contents.map(<[u8]>::to_vec),
    })
}

/// Sequence and acknowledged number, length on the wire, and what is known of it.
fn segments(
    whats: impl IntoIterator<Item = (&'static str, trace::What)>,
) -> Vec<(u32, u32, usize, Vec<u8>)> {
    let record = |(stream, what): (&str, _)| trace::Record {
        us: 0,
        stream: stream.to_owned(),
        what,
    };
    let trace = trace::Trace {
        header: strategy::header(0),
        records: whats.into_iter().map(record).collect(),
        cut_off: false,
    };
    let capture = capture::of(&trace);
    let segments = packets(&capture).into_iter().map(|(length, packet)| {
        assert_eq!((packet[9], packet[32] >> 4), (6, 5), "TCP, without options");
        let number = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four"));
        (number(24), number(28), length - 40, packet[40..].to_vec())
    });
    segments.collect()
}

#[test]
fn between_peers_each_datagram_has_its_length_before_it() {
    use trace::Direction::{In, Out};
    let ends = ["192.0.2.1:50001", "192.0.2.2:4000"];
    let seen = ["192.0.2.2:4000", "192.0.2.1:50001"];
    let lines = [
        ("a", over_tcp(Out, ends, None, (3, Some(&[1, 2, 3])))),
        ("b", over_tcp(In, seen, None, (3, Some(&[1, 2, 3])))), // the same one
        ("b", over_tcp(Out, seen, None, (200, None))),
        ("a", over_tcp(Out, ends, Some("binding"), (1, Some(&[4])))),
        ("a", over_tcp(Out, ends, None, (u16::MAX, None))),
    ];
    let expected = [
        (0, 0, 5, vec![0, 3, 1, 2, 3]),
        (0, 5, 202, vec![0, 200]),
        (5, 202, 3, vec![0, 1, 4]),
        (8, 202, 65_495, vec![0xff, 0xff]),
        (8 + 65_495, 202, 42, vec![]),
    ];
    assert_eq!(segments(lines), expected);
}

#[test]
fn a_relay_s_connection_carries_what_turn_says() {
    use trace::Direction::{In, Out};
    let ends = ["192.0.2.1:50001", "192.0.2.9:3478"];
    let lines = [
        (
            "a",
            over_tcp(Out, ends, Some("allocate"), (2, Some(&[7, 8]))),
        ),
        ("a", over_tcp(In, ends, None, (4, None))),
        ("a", over_tcp(Out, ends, Some("binding"), (1, Some(&[9])))),
    ];
    let expected = [(0, 0, 2, vec![7, 8]), (0, 2, 4, vec![]), (2, 4, 1, vec![9])];
    assert_eq!(segments(lines), expected);
}

#[test]
fn what_a_peer_writes_is_text_on_the_page() {
    let evil = "<script>alert('1')</script>\u{1b}[2J";
    let trace = trace::Trace {
        header: strategy::header(0),
        records: vec![trace::Record {
            us: 0,
            stream: evil.to_owned(),
            what: trace::What::ComponentStateFailed {
                component_id: 1,
                reason: evil.to_owned(),
            },
        }],
        cut_off: false,
    };
    let (ladder, summary) = (Ladder::of(&trace), Summary::of(&trace));
    let page = page::draw(&ladder, &summary);
    assert!(!page.contains("<script") && page.contains("failed: &lt;script&gt;"));
    let drawn = terminal::draw(&ladder, &summary);
    assert!(!drawn.contains("\u{1b}[2J") && drawn.contains("failed: <script>"));
}

/// Ten datagrams leave, of which eight are recorded; three of them stand among the arrivals, four more were counted.
const GAP: &str = r#"{"trace":"handclasp","version":1,"program":"0.1.0","unix_us":0}
{"us":1,"stream":"a","event":"opened","plugin":"none","plugin_version":"1","components":1,"controlling":true}
{"us":1,"stream":"b","event":"opened","plugin":"none","plugin_version":"1","components":1,"controlling":false}
{"us":2,"stream":"a","event":"missed","component_id":1,"count":2,"until_us":9,"sent":{"rtp":2},"bytes_sent":80}
{"us":40,"stream":"b","event":"missed","component_id":1,"count":5,"until_us":70,"received":{"rtp":4},"bytes_received":160}
"#;

fn datagram(us: u64, out: bool) -> String {
    let (stream, direction) = if out { ("a", "out") } else { ("b", "in") };
    let (local, remote) = if out { (1, 2) } else { (2, 1) };
    format!(
        "{{\"us\":{us},\"stream\":\"{stream}\",\"event\":\"datagram\",\"component_id\":1,\
         \"direction\":\"{direction}\",\"local\":\"192.0.2.1:{local}\",\"remote\":\"192.0.2.1:{remote}\",\
         \"bytes\":40,\"kind\":\"rtp\"}}\n"
    )
}

#[test]
fn a_gap_stands_where_it_was_and_is_part_of_the_counts() {
    let out = (10..18).map(|us| datagram(us, true));
    let arrived = (20..23).map(|us| datagram(us, false));
    let file: String = std::iter::once(GAP.to_owned())
        .chain(out)
        .chain(arrived)
        .collect();
    let trace = trace::Trace::read(file.as_bytes()).expect("it is a trace");
    let drawn = terminal::draw(&Ladder::of(&trace), &Summary::of(&trace));
    let plain = anstream::adapter::strip_str(&drawn).to_string();
    let lines: Vec<&str> = plain.lines().collect();
    for (line, says) in [
        (
            3,
            "│ missing here, for the disk could not keep up: 2 datagrams out",
        ),
        (4, "├─ RTP or RTCP ×3, 120 B ─"),
        (5, "├─ RTP or RTCP ×4, 160 B ╌"),
        (6, "├─ RTP or RTCP, 40 B ╌"),
        (
            7,
            " missing here, for the disk could not keep up: 4 in, 1 others │",
        ),
    ] {
        assert!(lines[line].contains(says), "{line}, {says}:\n{plain}");
    }
    assert!(lines[4].ends_with("▶│") && lines[5].ends_with("▷│") && lines[6].ends_with("?  │"));
    assert!(
        plain.contains("10 datagrams out (0 dropped on purpose), 0 in"),
        "{plain}"
    );
    assert!(
        plain.contains("0 datagrams out (0 dropped on purpose), 7 in"),
        "{plain}"
    );
    let counts = serde_json::to_value(Summary::of(&trace)).expect("it can be written");
    assert_eq!(
        (
            &counts["missed"],
            &counts["streams"][1]["components"]["1"]["bytes_received"]
        ),
        (&7.into(), &280.into())
    );
}

/// A datagram of 100 bytes from the peer, in microsecond `us`.
fn arrival(us: u64, fate: Option<trace::Fate>, waits: Option<u64>) -> trace::Record {
    let datagram = trace::Datagram {
        component_id: 1,
        direction: trace::Direction::In,
        local: ([192, 0, 2, 1], 1).into(),
        remote: ([192, 0, 2, 2], 2).into(),
        transport: None,
        bytes: 100,
        kind: trace::Kind::Other,
        relays: None,
        fate,
        reason: fate.map(|_| "no room".to_owned()),
        waits,
        stun: None,
        contents: None,
    };
    record(us, trace::What::Datagram(datagram))
}

fn record(us: u64, what: trace::What) -> trace::Record {
    let stream = "a".to_owned();
    trace::Record { us, stream, what }
}

fn dropped(us: u64, waited: Option<u64>) -> trace::Record {
    let (component_id, reason) = (1, "the peer is unknown".to_owned());
    record(
        us,
        trace::What::Dropped {
            component_id,
            waited,
            reason,
        },
    )
}

#[test]
fn what_a_component_drops_is_drawn_as_dropped() {
    let records = vec![
        arrival(1000, None, Some(1)),
        arrival(2000, None, Some(2)),
        arrival(3000, Some(trace::Fate::Dropped), None),
        dropped(4000, Some(1)),
        dropped(5000, None),
    ];
    let trace = trace::Trace {
        header: strategy::header(0),
        records,
        cut_off: false,
    };
    let summary = Summary::of(&trace);
    let drawn = terminal::draw(&Ladder::of(&trace), &summary);
    let drawn = anstream::adapter::strip_str(&drawn).to_string();
    let line = |time: &str| {
        let mut lines = drawn.lines();
        let line = lines.find(|line| line.trim_start().starts_with(time));
        line.unwrap_or_default()
    };
    let is_dropped =
        |time, reason| line(time).contains("│ dropped ✗") && line(time).contains(reason);
    assert!(is_dropped("1.0 ms", "the peer is unknown"), "{drawn}");
    assert!(line("2.0 ms").contains("│◀"), "{drawn}");
    assert!(is_dropped("3.0 ms", "no room"), "{drawn}");
    assert_eq!(line("4.0 ms"), "", "it is drawn where it came");
    assert!(
        line("5.0 ms").contains("a datagram dropped: the peer is unknown"),
        "{drawn}"
    );
    let summary = serde_json::to_value(summary).expect("it can be written");
    assert_eq!(summary["streams"][0]["components"]["1"]["dropped"], 3);
}

/// A trace of so many datagrams that only a gap may have hidden, none of which does, and of as many that loop back.
fn long(count: usize) -> trace::Trace {
    let mut lines = r#"{"trace":"TRACE","version":1,"program":"0.1.0","unix_us":0}"#.to_owned();
    for us in 0..count {
        let (own, other) = ("192.0.2.1:1", "192.0.2.1:2");
        let datagram = |us: usize, stream: &str, way: &str| {
            let (local, remote) = if way == "out" {
                (own, other)
            } else {
                (other, own)
            };
            format!(
                "\n{{\"us\":{us},\"stream\":\"{stream}\",\"event\":\"datagram\",\"component_id\":1,\
                 \"direction\":\"{way}\",\"local\":\"{local}\",\"remote\":\"{remote}\",\"bytes\":9,\"kind\":\"rtp\"}}"
            )
        };
        lines += &datagram(us, "a", "out");
        lines += &datagram(us, "a", "in");
        lines += &format!(
            "\n{{\"us\":{us},\"stream\":\"b\",\"event\":\"missed\",\"component_id\":2,\"count\":1,\
             \"until_us\":{count},\"received\":{{\"rtp\":1}}}}"
        );
    }
    trace::Trace::read(lines.replace("TRACE", trace::Header::TRACE).as_bytes()).expect("it is one")
}

#[cfg(target_os = "linux")]
#[test]
fn four_times_as_long_takes_about_four_times_as_long() {
    use rustix::time::{ClockId, clock_gettime};
    let cost = |count| {
        let trace = long(count);
        let now = || {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            now.tv_sec * 1_000_000 + now.tv_nsec / 1000
        };
        let begun = now();
        let ladder = Ladder::of(&trace);
        let drawn = (
            terminal::draw(&ladder, &Summary::of(&trace)),
            capture::of(&trace),
        );
        assert!(!drawn.0.is_empty() && !drawn.1.is_empty());
        now() - begun
    };
    let (short, long) = (cost(4000), cost(16_000));
    assert!(long < 10 * short + 20_000, "{short} and {long} us");
}
