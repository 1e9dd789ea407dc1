mod harm;
mod trial;

use super::wrong_peer::patience;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{
    Genuine, INITIATOR, MILLISECOND, PATIENCE, Pair, RESPONDER, Setup, World, stages,
};
use crate::check::probe::Probe;
use harm::{Harm, close, harms, report};
use serde_json::json;
use std::fs;
use trial::{Trial, affordable, moments, trials};

pub(crate) const HANDSHAKE: Check = Check {
    name: "forged-handshake",
    sentence: "Forged DTLS datagrams change nothing in a handshake, unless DTLS itself cannot tell them from the peer's",
    remedy: "drop what cannot be genuine before the DTLS library sees it, and believe an alert in plaintext only if \
             nothing valid follows (RFC 6347, section 4.1.2.7)",
    needs: Some("call-times"),
    run: Run::Calling(handshake),
};

pub(crate) const SESSION: Check = Check {
    name: "forged-session",
    sentence: "No forged DTLS datagram ends a handshake that has finished: each side still hears the other's farewell",
    remedy: "after HC_FINISHED drop every record that does not verify, those too short for nonce and tag, too, and \
             answer none of them",
    needs: Some("call-times"),
    run: Run::Calling(session),
};

/// As many at a time.
const TOGETHER: usize = 100;
/// Nanoseconds in which a side answers, and the other has heard it.
const ANSWERED: u64 = 30 * MILLISECOND;

fn handshake(probe: &Probe) -> Checked {
    begins_as_dtls(probe)?;
    let hears = hears_farewells(probe)?;
    let genuine = Genuine::watch(probe)?;
    let trials = trials(probe, rounds(probe), |to| moments(&genuine, to));
    let (listed, absorbed): (Vec<_>, Vec<_>) = affordable(probe, trials)?
        .into_iter()
        .partition(|trial| trial.excuse().is_some());
    for some in absorbed.chunks(TOGETHER) {
        let mut world = shake(probe, some, PATIENCE)?;
        report(some, harms(probe, &mut world, some, hears))?;
    }
    let mut ended = Vec::new();
    for some in listed.chunks(TOGETHER) {
        let mut world = shake(probe, some, patience(probe))?;
        let harms = harms(probe, &mut world, some, hears);
        ended.extend(harms.iter().map(Option::is_some));
        let inexcusable = |harm: Option<Harm>| harm.filter(|harm| !harm.is_excusable);
        report(some, harms.into_iter().map(inexcusable).collect())?;
    }
    leave(probe, &listed, &ended);
    Ok(())
}

fn session(probe: &Probe) -> Checked {
    begins_as_dtls(probe)?;
    let hears = hears_farewells(probe)?;
    let trials = affordable(probe, trials(probe, 1, |_| vec![None]))?;
    for some in trials.chunks(TOGETHER) {
        let mut world = shake(probe, some, PATIENCE)?;
        world.pairs.iter().try_for_each(Pair::check_finished)?;
        for round in 0..rounds(probe) {
            let now = world.now();
            for (pair, trial) in world.pairs.iter_mut().zip(some) {
                pair.disturb(now, trial.to, trial.again(round));
            }
            world.run(ANSWERED, |pair| !pair.is_live());
        }
        report(some, harms(probe, &mut world, some, hears))?;
    }
    Ok(())
}

/// To be skipped if its datagrams are not DTLS's.
fn begins_as_dtls(probe: &Probe) -> Checked {
    let is_dtls = probe
        .plugin
        .first_bytes()
        .is_some_and(|map| (20..=63).all(|byte| map.contains(byte)));
    match is_dtls {
        true => stages(probe).map(drop),
        false => Err(Objection::skip(
            "hc.classify/1's map does not have the first bytes of DTLS, 20 to 63",
        )),
    }
}

/// Whether each side hears that the other closes, where nobody disturbs them.
fn hears_farewells(probe: &Probe) -> Result<bool, Objection> {
    let mut world = World::of(probe, &[Setup::default(), Setup::default()])?;
    world.finish()?;
    close(&mut world, [INITIATOR, RESPONDER].into_iter());
    world.run(patience(probe), Pair::is_over);
    Ok(world.pairs.iter().all(Pair::is_over))
}

fn rounds(probe: &Probe) -> u64 {
    probe.rounds.unwrap_or(1).into()
}

/// A pair for each trial, which have shaken hands or had this many nanoseconds.
fn shake<'p>(probe: &'p Probe, trials: &[Trial], nanoseconds: u64) -> Result<World<'p>, Objection> {
    let setups: Vec<_> = trials.iter().map(Trial::setup).collect();
    let mut world = World::of(probe, &setups)?;
    world.run(nanoseconds, Pair::is_settled);
    Ok(world)
}

/// Leaves behind which listed forgeries did end a handshake: a test asks whether all of the list is true.
fn leave(probe: &Probe, listed: &[Trial], ended: &[bool]) {
    let entry = |(trial, ended): (&Trial, &bool)| json!({"what": trial.to_string(), "why": trial.excuse(), "ended": ended});
    let entries: Vec<_> = listed.iter().zip(ended).map(entry).collect();
    // Of no use to anybody else.
    let _ = fs::write(probe.directory.join("endings"), json!(entries).to_string());
}
