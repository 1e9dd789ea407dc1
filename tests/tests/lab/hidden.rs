//! Streams that tell names instead of addresses, on one segment.
use crate::internet::filter;
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_components, expect_connection, start, start_each};
use handclasp_tests::need;
use handclasp_tests::processes::{Pair, Side};
use serde_json::json;

const HIDE: &str = "--hide-addresses";
const ADDRESSES: [&[&str]; 2] = [
    &["10.77.0.1/24", "fd77::1/64 nodad"],
    &["10.77.0.2/24", "fd77::2/64 nodad"],
];

#[test]
fn two_that_hide_find_each_other() {
    run("hidden addresses on both sides", || {
        for (arguments, components) in [
            (&[HIDE][..], 1),
            (&[HIDE, "--components", "2"], 2),
            (&[HIDE, "-4"], 1),
            (&[HIDE, "-6"], 1),
        ] {
            let segment = Segment::new(ADDRESSES)?;
            let [a, b] = &segment.hosts;
            let mut pair = start([a, b], Side::A, arguments);
            expect_components(&mut pair, components);
            expect_hidden(&mut pair);
        }
        Ok(())
    });
}

/// Nothing that a side tells the other shows an address.
fn expect_hidden(pair: &mut Pair) {
    for side in Side::BOTH {
        pair.send(side, &json!({"message": "generate_local_sdp"}));
        let described = pair.expect(side, "local_sdp").to_string();
        assert!(described.contains(".local "), "{described}");
    }
    for side in Side::BOTH {
        let (events, status) = pair.end(side);
        assert!(status.success(), "{side:?}: {status}");
        // The pair in use is this side's own to know.
        for event in events
            .iter()
            .filter(|event| event["event"] != "new_selected_pair")
        {
            let text = event.to_string();
            assert!(
                !text.contains("10.77.0.") && !text.contains("fd77::"),
                "{text}"
            );
        }
    }
}

#[test]
fn where_nobody_can_look_names_up_checks_show_the_way() {
    run("hidden addresses without multicast", || {
        need("nft", "nftables")?;
        let segment = Segment::new(ADDRESSES)?;
        for host in &segment.hosts {
            filter(host, MUTE);
        }
        for hides in Side::BOTH {
            expect_connection(&mut start_one(&segment, hides));
        }
        Ok(())
    });
}

#[test]
fn a_network_without_ipv4_is_warned_of() {
    run("hidden addresses without IPv4", || {
        let segment = Segment::new([&["fd77::1/64 nodad"], &["fd77::2/64 nodad"]])?;
        let mut pair = start_one(&segment, Side::A);
        let warning = pair.expect(Side::A, "warning").to_string();
        assert!(warning.contains("IPv4"), "{warning}");
        expect_connection(&mut pair);
        Ok(())
    });
}

/// One side hides.
fn start_one(segment: &Segment, hides: Side) -> Pair {
    let [a, b] = &segment.hosts;
    let arguments = Side::BOTH.map(|side| if side == hides { &[HIDE][..] } else { &[] });
    start_each([a, b], Side::A, arguments)
}

const MUTE: &str = "
    table inet mute {
        chain arriving {
            type filter hook input priority filter;
            udp dport 5353 drop
        }
    }";
