//! Forged datagrams against the plugins that speak DTLS, in both roles, at four moments: none ends a finished session,
//! and what ends a handshake is listed with the reason why nothing can be done (statement 39 of docs/semantics.md).
//!
//! Each kind is forged anew twice at each moment, or as often as the environment variable `FORGED` says: `make forged`.
mod forger;
mod kinds;
mod pair;

use forger::Forger;
use handclasp::plugin::FailureKind;
use handclasp_tests::{SrtpKeys, built, plugin, skip};
use kinds::{Kind, Moment};
use pair::{Pair, SIDES, Setup};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

/// As long as it takes a side to repeat a flight several times.
const LIMIT: Duration = Duration::from_secs(20);

/// Where an own clock runs a repetition takes as long as it does.
const OWN_LIMIT: Duration = Duration::from_millis(1_600);

/// What ended whose handshake, and when.
type Endings = BTreeSet<(&'static str, usize, Moment)>;

#[test]
fn forged_datagrams_end_no_session_and_no_handshake_but_those_listed() {
    assert!(kinds::all().count() >= 72);
    let rounds = std::env::var("FORGED").map_or(2, |rounds| rounds.parse().expect("a number"));
    let mut setups: Vec<Setup> = ["1.2", "1.3", "auto"]
        .map(|version| Setup::new(plugin("dtls-srtp"), &[("version", version)]))
        .into();
    let openssl = built("dtls-openssl");
    match &openssl {
        Ok(_) => setups.push(Setup::new(plugin("dtls-openssl"), &[])),
        Err(lacking) => skip("forged datagrams", lacking),
    }
    let outcomes: Vec<(Endings, Vec<String>)> = thread::scope(|scope| {
        let runs: Vec<_> = setups
            .into_iter()
            .map(|setup| scope.spawn(move || attack(&setup, rounds)))
            .collect();
        let join =
            |run: thread::ScopedJoinHandle<'_, _>| run.join().expect("no forgery is a crash");
        runs.into_iter().map(join).collect()
    });
    let faults: Vec<_> = outcomes.iter().flat_map(|(_, faults)| faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // Some end the handshakes of one of the plugins only.
    for kind in kinds::all().filter(|_| openssl.is_ok()) {
        for (to, moment, why) in kind.ends {
            let entry = (kind.name, *to, *moment);
            assert!(
                outcomes.iter().any(|(endings, _)| endings.contains(&entry)),
                "{entry:?} ended nothing, and is listed because {why}"
            );
        }
    }
}

/// Every kind at every moment against one plugin: what is listed and ended a handshake, and what should not have.
fn attack(setup: &Setup, rounds: u64) -> (Endings, Vec<String>) {
    let (mut endings, mut faults) = (Endings::new(), Vec::new());
    for to in SIDES {
        let needed = needed(setup, to);
        for (index, kind) in kinds::all().enumerate() {
            for moment in [Moment::First, Moment::Last, Moment::Between] {
                let is_listed = kind
                    .ends
                    .iter()
                    .any(|entry| (entry.0, entry.1) == (to, moment));
                for round in 0..rounds {
                    let seed = index as u64 * 1_000_003 + round;
                    let Some(outcome) =
                        meet_forged(setup, kind, (to, moment), needed, seed, is_listed)
                    else {
                        break;
                    };
                    match outcome {
                        Ok(()) => {}
                        Err(_) if is_listed => {
                            endings.insert((kind.name, to, moment));
                        }
                        Err(how) => {
                            faults.push(describe(setup, kind, to, moment, &how));
                            break;
                        }
                    }
                }
            }
            if let Err(how) = end_session(setup, kind, to, rounds) {
                faults.push(describe(setup, kind, to, Moment::Finished, &how));
            }
        }
    }
    (endings, faults)
}

fn describe(setup: &Setup, kind: &Kind, to: usize, moment: Moment, how: &str) -> String {
    let side = ["initiator", "responder"][to];
    format!(
        "{}, {} at the {side}, {moment:?}: {how}",
        setup.name(),
        kind.name
    )
}

/// How many datagrams a side gets until it has finished.
fn needed(setup: &Setup, to: usize) -> usize {
    let mut pair = Pair::meet(setup);
    while pair.sides[to].keys.is_none() {
        assert!(pair.deliver(), "both finish without loss");
    }
    pair.sides[to].received.len()
}

/// Shakes hands while one datagram of this kind comes to a side; `None` if there is no such moment.
fn meet_forged(
    setup: &Setup,
    kind: &Kind,
    (to, moment): (usize, Moment),
    needed: usize,
    seed: u64,
    is_listed: bool,
) -> Option<Result<(), String>> {
    let mut pair = Pair::meet(setup);
    let before = if moment == Moment::First {
        0
    } else {
        needed - 1
    };
    while pair.next() != Some(to) || pair.sides[to].received.len() < before {
        assert!(pair.deliver(), "both finish without loss");
    }
    let rest = match moment {
        Moment::Between => Some(pair.deliver_but_last_record(to)?),
        Moment::Last if needed == 1 => return None,
        _ => None,
    };
    forge(&mut pair, kind, to, seed);
    if let Some(record) = rest {
        pair.receive(to, &record);
    }
    let limit = match (setup.has_own_clock(), is_listed) {
        (false, _) => LIMIT,
        (true, false) => OWN_LIMIT,
        (true, true) => Duration::ZERO,
    };
    pair.finish(limit);
    Some(check(pair, to))
}

/// Sends a finished session forged datagrams.
fn end_session(setup: &Setup, kind: &Kind, to: usize, rounds: u64) -> Result<(), String> {
    let mut pair = Pair::meet(setup);
    pair.finish(LIMIT);
    for seed in 0..rounds {
        forge(&mut pair, kind, to, seed);
        while pair.deliver() {}
        if let Some(failure) = &pair.sides[to].failure {
            return Err(failure.to_string());
        }
    }
    check(pair, to)
}

fn forge(pair: &mut Pair, kind: &Kind, to: usize, seed: u64) {
    let forged = (kind.forge)(&mut Forger::new(pair, to, seed));
    if !forged.is_empty() {
        pair.receive(to, &forged);
    }
}

/// Both have finished, have the same keys, and hear each other's last words.
fn check(mut pair: Pair, to: usize) -> Result<(), String> {
    for (side, name) in pair.sides.iter().zip(["initiator", "responder"]) {
        if let Some(failure) = &side.failure {
            return Err(format!("the {name} failed: {failure}"));
        }
    }
    let keys = pair
        .sides
        .each_ref()
        .map(|side| side.keys.as_ref().map(|keys| SrtpKeys::parse(keys)));
    let [Some(first), Some(second)] = keys else {
        let warnings = pair.sides.map(|side| side.warnings);
        return Err(format!("they did not finish: {warnings:?}"));
    };
    assert!(
        first == second.mirrored(),
        "both agree, whoever else speaks"
    );
    pair.close(to);
    match &pair.sides[1 - to].failure {
        Some(failure) if failure.kind == FailureKind::ClosedByPeer => Ok(()),
        other => Err(format!("the close did not arrive: {other:?}")),
    }
}
