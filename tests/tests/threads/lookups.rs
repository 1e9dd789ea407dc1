//! Names that take long to look up.
use crate::alone;
use crate::streams::{Streams, options};
use handclasp::stream::Message;
use handclasp_tests::{Namespace, skip};
use std::env::current_exe;
use std::process::Command;
use std::time::{Duration, Instant};

const PEERS: usize = 16;
const NAMES: usize = 16;

#[test]
fn s04_names_that_nobody_knows_delay_no_init() {
    let _alone = alone();
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(lacking) => return skip("names that nobody knows", &lacking),
    };
    let mut inside = Command::new(current_exe().expect("a test is run from a file"));
    inside.args(["--exact", "lookups::names_that_nobody_knows", "--ignored"]);
    let output = namespace.inside(&inside).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

/// Asks the network: its own.
#[test]
#[ignore = "the test above runs it in a network of its own"]
fn names_that_nobody_knows() {
    let (streams, none) = (Streams::new(1), options("none", &[]));
    let peers: Vec<_> = (0..PEERS)
        .map(|number| streams.open(number, &none))
        .collect();
    for _ in &peers {
        streams.expect_started();
    }
    for (number, peer) in peers.iter().enumerate() {
        for name in 0..NAMES {
            let candidate =
                format!("candidate:1 1 udp 2130706431 {number}-{name}.local 5000 typ host");
            let message = Message::SetRemoteCandidate {
                candidate,
                component_id: 1,
            };
            peer.send(message).expect("its loop keeps up");
        }
    }
    peers[0].flush().expect("it runs");
    let begun = Instant::now();
    let _next = streams.open(PEERS, &none);
    assert_eq!(streams.expect_started(), PEERS);
    // Nobody answers for 3 s; 64 threads for all these names and the init would have taken 12 s.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}
