//! Two streams, each in a network of its own.
use handclasp_tests::Namespace;
use handclasp_tests::processes::{Pair, Side, handclasp_stream};
use std::time::Duration;

/// Starts both, A where the first network is; A begins the handshake, and `controlling` controls.
pub(crate) fn start(networks: [&Namespace; 2], controlling: Side, arguments: &[&str]) -> Pair {
    let commands = Side::BOTH.map(|side| {
        let mut stream = handclasp_stream();
        stream.args(arguments);
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

/// So many components are ready, and a datagram of each side's arrives through each.
pub(crate) fn expect_components(pair: &mut Pair, components: u16) {
    pair.expect_ready(components);
    for component_id in 1..=components {
        pair.expect_data(component_id, "at first", Duration::from_secs(10));
    }
}

/// A datagram of each side's arrives in time through component 1, if not the first then a later one.
pub(crate) fn expect_data(pair: &mut Pair, word: &str, time: Duration) {
    pair.expect_data(1, word, time);
}
