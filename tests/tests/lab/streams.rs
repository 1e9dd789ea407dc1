//! Two streams, each in a network of its own.
use handclasp_tests::Namespace;
use handclasp_tests::processes::{Pair, Side, handclasp_stream};
use std::collections::BTreeSet;
use std::time::Duration;

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

/// The only component is ready, and a datagram of each side's arrives.
pub(crate) fn expect_connection(pair: &mut Pair) {
    expect_components(pair, 1);
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

/// So many components are ready, and a datagram of each side's arrives through each.
pub(crate) fn expect_components(pair: &mut Pair, components: u16) {
    pair.expect_ready(components);
    for component_id in 1..=components {
        pair.expect_data(component_id, "at first", Duration::from_secs(60));
    }
}

/// A datagram of each side's arrives in time through component 1, if not the first then a later one.
pub(crate) fn expect_data(pair: &mut Pair, word: &str, time: Duration) {
    pair.expect_data(1, word, time);
}
