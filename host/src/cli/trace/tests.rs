//! Whatever stands in a trace, it can be drawn.
use super::ladder::Ladder;
use super::summary::Summary;
use super::{capture, page, terminal};
use handclasp::trace;
use proptest::prelude::*;

#[path = "../../trace/tests/strategy.rs"]
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
            prop_assert!(packet.len() <= length && length <= 40 + 8 + 65535);
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
