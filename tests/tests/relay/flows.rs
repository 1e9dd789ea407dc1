//! What is lost of data that flows through a relay: while lifetimes end and nonces go stale, and when the server ends.
use crate::{HERE, candidates, relayed, talk};
use handclasp_tests::processes::{Flow, Pair, Side};
use handclasp_tests::{Coturn, Lacking, skip};
use std::thread;
use std::time::Duration;

/// Between two payloads of a side's.
const INTERVAL: Duration = Duration::from_millis(100);

/// How a server is reached.
type Way = fn(&Coturn) -> String;

const UDP: (&str, Way) = ("UDP", Coturn::udp);
const TCP: (&str, Way) = ("TCP", Coturn::tcp);
const TLS: (&str, Way) = ("TLS", Coturn::tls);

/// Two streams that talk through a server.
fn pair(server: &Coturn, way: Way) -> Pair {
    let certificate = server.certificate();
    let trust = ["--turn-ca", certificate.to_str().expect("it is UTF-8")];
    let relays = [way(server)];
    let leader = relayed(&relays, &[&trust[..], &["--controlling"]].concat());
    let mut pair = Pair::start([leader, relayed(&relays, &trust)], Some(Side::A));
    talk(&mut pair);
    pair
}

/// Does the same with servers that are set and reached in these ways, all at once.
fn with_each(
    test: &str,
    ways: &[(&str, (&'static str, Way))],
    run: impl Fn(&str, &mut Coturn, Way) + Sync,
) {
    let run_one = |setting: &str, (name, way): (&str, Way)| -> Result<(), Lacking> {
        let mut server = Coturn::start_with(HERE, setting)?;
        run(&format!("{name}, {setting}"), &mut server, way);
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = ways
            .iter()
            .map(|(setting, way)| scope.spawn(|| run_one(setting, *way)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(lacking)) => skip(test, &lacking),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
}

#[test]
fn nothing_is_lost_while_lifetimes_end_and_nonces_go_stale() {
    let ways = [
        ("max-allocate-lifetime=30\nstale-nonce=20", UDP),
        ("max-allocate-lifetime=30", TCP),
        ("max-allocate-lifetime=60\nstale-nonce=20", TLS),
        ("max-allocate-lifetime=60", UDP),
        ("max-allocate-lifetime=600\nstale-nonce=10", TCP),
    ];
    with_each("short lifetimes", &ways, |name, server, way| {
        let mut pair = pair(server, way);
        let flows = pair.flow(Duration::from_secs(70), INTERVAL, |_| {});
        for (side, flow) in Side::BOTH.into_iter().zip(&flows) {
            println!("{name}, from {side:?}: {flow}");
            assert!(
                flow.lost.is_empty(),
                "{name}: {:?}, {}",
                flow.lost,
                pair.story()
            );
            let told = candidates(pair.said(side)).len();
            assert_eq!(told, 1, "{name}: allocations of {side:?}");
        }
    });
}

#[test]
fn a_relay_that_is_killed_and_started_again_carries_data_again() {
    let ways = [("", UDP), ("", TCP), ("", TLS)];
    with_each("a killed relay", &ways, |name, server, way| {
        let mut pair = pair(server, way);
        let flows = outage(&mut pair, server);
        for (side, flow) in Side::BOTH.into_iter().zip(&flows) {
            println!("{name}killed and started, from {side:?}: {flow}");
            assert!(!flow.lost.is_empty(), "{name}: it was not in use");
            let last = flow.sent - 20;
            assert!(
                flow.lost.iter().all(|lost| *lost < last),
                "{name}: {}",
                pair.story()
            );
        }
    });
}

/// The server is killed while data flows, and starts again after two seconds.
fn outage(pair: &mut Pair, server: &mut Coturn) -> [Flow; 2] {
    pair.flow(Duration::from_secs(45), INTERVAL, |elapsed| {
        match elapsed.as_secs() {
            5..7 => server.kill(),
            7.. => server.again(),
            _ => {}
        }
    })
}
