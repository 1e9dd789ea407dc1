use super::handshake;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{
    INITIATOR, MILLISECOND, PATIENCE, RESPONDER, SECOND, Setup, Weather, World, name_of, stages,
};
use crate::check::probe::Probe;
use handclasp::counted;

pub(crate) const SILENCE: Check = Check {
    name: "silence",
    sentence: "A peer that never answers is sent a bounded number of packets",
    remedy: "double the time between repetitions up to a second, and send one flight each time",
    needs: Some("handshake"),
    run: Run::Calling(silence),
};

pub(crate) const RETRANSMISSION: Check = Check {
    name: "retransmission",
    sentence: "An unanswered flight is repeated after 250 ms at most, then every second at least, for as long as a host waits",
    remedy: "set a deadline (hc.timer/1) with each flight, and leave giving up to the host's handshake timeout",
    needs: Some("handshake"),
    run: Run::Calling(retransmission),
};

pub(crate) const DEADLINES: Check = Check {
    name: "deadlines",
    sentence: "It asks to be called when there is something to do, not all the time",
    remedy: "set deadlines in the future, and clear them with HC_NO_DEADLINE when nothing is left to do",
    needs: Some("handshake"),
    run: Run::Calling(deadlines),
};

/// Nanoseconds a peer is watched: as long as a host waits, by default. In real time less.
fn watched(probe: &Probe) -> u64 {
    if probe.in_real_time() {
        6 * SECOND
    } else {
        PATIENCE
    }
}

/// A flight every 250 ms, each of several packets.
const PACKETS_PER_SECOND: u64 = 64;
/// Far more than retransmission needs, far less than a busy loop has.
const CALLS_PER_SECOND: u64 = 20;
/// Nanoseconds beyond what the contract says: the system's clock is not exact, and some vary their timeouts.
const TOLERANCE: u64 = 100 * MILLISECOND;

/// What one side did while nobody answered.
struct Monologue {
    side: usize,
    /// When it sent: nanoseconds since READY, once for each call that sent something.
    flights: Vec<u64>,
    packets: u64,
    calls: u64,
    /// When it gave up, and how.
    gave_up: Option<(u64, String)>,
}

fn monologues(probe: &Probe) -> Result<[Monologue; 2], Objection> {
    stages(probe)?;
    Ok([monologue(probe, INITIATOR)?, monologue(probe, RESPONDER)?])
}

fn monologue(probe: &Probe, side: usize) -> Result<Monologue, Objection> {
    const NEVER: u64 = u64::MAX / 4;
    let mut ready_after = [NEVER; 2];
    ready_after[side] = 0;
    let setup = Setup {
        weather: Weather {
            loss: 100,
            ..Weather::FAIR
        },
        ready_after,
        ..Setup::default()
    };
    let mut world = World::of_one(probe, &setup)?;
    let start = world.now();
    let mut heard = Monologue {
        side,
        flights: Vec::new(),
        packets: 0,
        calls: 0,
        gave_up: None,
    };
    while world.now() < start + watched(probe) {
        let sent = world.pair().packets_sent();
        let left = start + watched(probe) - world.now();
        world.run(left, |pair| {
            pair.packets_sent() > sent || pair.sides[side].failure.is_some()
        });
        let now = world.now() - start;
        let packets = world.pair().packets_sent() - sent;
        if packets > 0 {
            heard.flights.push(now);
            heard.packets += packets;
        } else if world.pair().sides[side].failure.is_none() {
            break;
        }
        if let Some(failure) = &world.pair().sides[side].failure {
            heard.gave_up = Some((now, failure.to_string()));
            break;
        }
    }
    heard.calls = world.pair().sides[side].deadlines.into();
    Ok(heard)
}

fn silence(probe: &Probe) -> Checked {
    let seconds = watched(probe) / SECOND;
    for Monologue { side, packets, .. } in monologues(probe)? {
        if packets > PACKETS_PER_SECOND * seconds {
            return Err(Objection::finding(format!(
                "{} sent {} in {seconds} s to a peer that never answered",
                name_of(side),
                counted(packets, "packet")
            )));
        }
    }
    Ok(())
}

fn retransmission(probe: &Probe) -> Checked {
    let monologues = monologues(probe)?;
    if monologues.iter().all(|heard| heard.flights.is_empty()) {
        return Err(Objection::skip("neither side speaks first"));
    }
    monologues
        .iter()
        .try_for_each(|heard| keeps_trying(heard, watched(probe)))
}

/// The gaps between flights, and after the last one.
fn keeps_trying(heard: &Monologue, watched: u64) -> Checked {
    let name = name_of(heard.side);
    if let Some((at, failure)) = &heard.gave_up {
        let seconds = *at as f64 / SECOND as f64;
        return Err(Objection::finding(format!(
            "{name} gave up after {seconds:.1} s: {failure}"
        )));
    }
    let ends = heard.flights.iter().skip(1).copied().chain([watched]);
    for (number, (&from, to)) in (1..).zip(heard.flights.iter().zip(ends)) {
        let limit = if number == 1 { SECOND / 4 } else { SECOND };
        let gap = to - from;
        let is_last = to == watched;
        if gap > limit + TOLERANCE {
            let gap = gap / MILLISECOND;
            return Err(Objection::finding(match is_last {
                true => format!(
                    "{name} fell silent after flight {number}, for the {gap} ms it was watched"
                ),
                false => format!("{name} repeated flight {number} after {gap} ms"),
            }));
        }
    }
    Ok(())
}

fn deadlines(probe: &Probe) -> Checked {
    let seconds = watched(probe) / SECOND;
    let busy = |name: &str, calls: u64, when: &str| match calls > CALLS_PER_SECOND * seconds {
        false => Ok(()),
        true => Err(Objection::finding(format!(
            "{name} had on_deadline called {calls} times in {seconds} s {when}"
        ))),
    };
    for heard in monologues(probe)? {
        busy(name_of(heard.side), heard.calls, "while nobody answered")?;
    }
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    handshake::agree(probe, world.pair())?;
    let before = world.pair().sides.each_ref().map(|side| side.deadlines);
    world.wait(watched(probe));
    for side in [INITIATOR, RESPONDER] {
        let calls = world.pair().sides[side].deadlines - before[side];
        busy(name_of(side), calls.into(), "after the finish")?;
    }
    world.check_alive("after the finish, while nothing happened")
}
