//! Two streams, each in a network of its own.
use handclasp_tests::Namespace;
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Between two tries of a datagram.
const AGAIN: Duration = Duration::from_millis(200);

/// Starts both, A where the first network is; A begins the handshake, and `controlling` controls.
pub(crate) fn start(networks: [&Namespace; 2], controlling: Side, arguments: &[&str]) -> Pair {
    start_each(networks, controlling, [arguments; 2])
}

/// The same, with other arguments for each side.
pub(crate) fn start_each(
    networks: [&Namespace; 2],
    controlling: Side,
    arguments: [&[&str]; 2],
) -> Pair {
    let commands = Side::BOTH.map(|side| {
        let mut stream = handclasp_stream();
        stream.args(arguments[side as usize]);
        if side == controlling {
            stream.arg("--controlling");
        }
        networks[side as usize].inside(&stream)
    });
    Pair::start(commands, Some(Side::A))
}

/// Both components are ready, and a datagram of each side's arrives.
pub(crate) fn expect_connection(pair: &mut Pair) {
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    expect_data(pair, "at first", Duration::from_secs(10));
}

/// The addresses of all candidates that a side tells.
pub(crate) fn expect_addresses(pair: &mut Pair, side: Side) -> BTreeSet<String> {
    pair.expect(side, "candidate_gathering_done");
    let address = |line: &str| line.split(' ').nth(4).map(str::to_owned);
    let told = pair
        .said(side)
        .iter()
        .filter(|event| event["event"] == "new_candidate_full");
    told.filter_map(|event| address(event["candidate"].as_str()?))
        .collect()
}

/// A datagram of each side's arrives in time, if not the first then a later one.
pub(crate) fn expect_data(pair: &mut Pair, word: &str, time: Duration) {
    let deadline = Instant::now() + time;
    for side in Side::BOTH {
        let payload = format!("\u{80}{word} from {side:?}");
        let mut arrived = None;
        while arrived.is_none() {
            assert!(
                Instant::now() < deadline,
                "nothing arrives {word} from {side:?} within {time:?}: {}",
                pair.story()
            );
            pair.send_payload(side, payload.as_bytes());
            arrived = pair.await_where(side.other(), "ice_payload", AGAIN, |event| {
                bytes(event, "payload") == payload.as_bytes()
            });
        }
    }
}
