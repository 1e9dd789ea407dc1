//! Data that is lost between two of the same make whose relay has short lifetimes, or is killed: aioice, and Handclasp.
use crate::aioice::peer;
use handclasp_tests::processes::{Flow, Pair, Side, handclasp_stream};
use handclasp_tests::{Coturn, Lacking, skip};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::Duration;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Between two payloads of a side's.
const INTERVAL: Duration = Duration::from_millis(100);

/// What starts two of one make whose only way is a relay.
type Make = fn(&Coturn) -> Result<[Command; 2], Lacking>;

fn handclasp(server: &Coturn) -> Result<[Command; 2], Lacking> {
    Ok(Side::BOTH.map(|side| {
        let mut stream = handclasp_stream();
        stream.args(["--relay-only", "--turn", &server.udp()]);
        stream.args((side == Side::A).then_some("--controlling"));
        stream
    }))
}

fn aioice(server: &Coturn) -> Result<[Command; 2], Lacking> {
    let (port, _) = server.ports();
    let mut commands = [peer()?, peer()?];
    for command in &mut commands {
        command.args(["--turn", &HERE.to_string(), &port.to_string()]);
        command.args([Coturn::USER, Coturn::PASSWORD]);
    }
    commands[0].arg("--controlling");
    Ok(commands)
}

/// What is lost between two of each make, at the same time, through a relay of their own; `at` is given that.
fn compare(
    test: &str,
    setting: &str,
    time: Duration,
    at: impl Fn(&mut Coturn, Duration) + Sync,
) -> Option<[Flow; 2]> {
    let run = |name: &str, make: Make| -> Result<Flow, Lacking> {
        let mut server = Coturn::start_with(HERE, setting)?;
        let mut pair = Pair::start(make(&server)?, Some(Side::A));
        pair.expect_ready(1);
        pair.expect_data(1, "at first", Duration::from_secs(30));
        let flows = pair.flow(time, INTERVAL, |elapsed| at(&mut server, elapsed));
        for (side, flow) in Side::BOTH.into_iter().zip(&flows) {
            println!("{test}: {name}, from {side:?}: {flow}");
        }
        let [a, b] = flows;
        Ok(if a.lost.len() > b.lost.len() { a } else { b })
    };
    let flows = thread::scope(|scope| {
        let theirs = scope.spawn(|| run("aioice", aioice));
        let ours = run("handclasp", handclasp);
        let theirs = theirs
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok([ours?, theirs?])
    });
    flows.inspect_err(|lacking| skip(test, lacking)).ok()
}

#[test]
fn no_more_is_lost_to_short_lifetimes_than_by_aioice() {
    let setting = "max-allocate-lifetime=30\nstale-nonce=20";
    let time = Duration::from_secs(70);
    if let Some([ours, theirs]) = compare("lifetimes of 30 s", setting, time, |_, _| {}) {
        assert!(
            ours.lost.is_empty() && ours.lost.len() <= theirs.lost.len(),
            "{ours}; {theirs}"
        );
    }
}

#[test]
fn no_more_is_lost_with_a_relay_that_is_killed_than_by_aioice() {
    let compared = compare(
        "a killed relay",
        "",
        Duration::from_secs(45),
        |server, elapsed| {
            // Within two seconds it is back.
            match elapsed.as_secs() {
                5..7 => server.kill(),
                7.. => server.again(),
                _ => {}
            }
        },
    );
    if let Some([ours, theirs]) = compared {
        assert!(ours.lost.len() <= theirs.lost.len(), "{ours}; {theirs}");
        assert!(
            ours.lost.iter().all(|lost| *lost < ours.sent - 20),
            "{ours}"
        );
    }
}
