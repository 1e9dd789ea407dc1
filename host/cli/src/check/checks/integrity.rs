use super::authenticates;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{
    Attack, Change, Genuine, INITIATOR, RESPONDER, SECOND, Setup, World, covered, name_of, stages,
};
use crate::check::probe::Probe;

pub(crate) const INTEGRITY: Check = Check {
    name: "integrity",
    sentence: "No side finishes on a datagram of which a byte was changed: each byte, or 1,000 spread over all",
    remedy: "let what each side proves cover all that was sent before it, and compare all of it before HC_FINISHED",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

/// Handshakes in which a byte is changed.
const TRIALS: u32 = 1000;
/// As many at a time.
const TOGETHER: usize = 100;
/// Nanoseconds in which a side that takes no offence has finished.
const PATIENCE: u64 = 2 * SECOND;

fn check(probe: &Probe) -> Checked {
    authenticates(probe)?;
    let each = probe.cost_of(|| stages(probe).map(drop))?;
    let genuine = Genuine::watch(probe)?;
    let places = places(probe, &genuine)?;
    let all = places.len();
    let step = all.div_ceil(probe.affordable(TRIALS, each) as usize).max(1);
    let first = probe.seed as usize % step;
    let tried: Vec<_> = places.into_iter().skip(first).step_by(step).collect();
    let mut survived = Vec::new();
    for some in tried.chunks(TOGETHER) {
        survived.extend(unharmed(probe, some, genuine.needed)?);
    }
    let Some(&(_, run)) = survived.first() else {
        return Ok(());
    };
    let survived: Vec<_> = survived.into_iter().map(|(attack, _)| attack).collect();
    let what = sentences(&tried, &survived, &genuine).join("; ");
    let tried = tried.len();
    Err(Objection::warning(format!("{what} ({tried} of {all} bytes tried)")).seen_in(run))
}

/// The bytes to change, in the datagrams without which a side does not finish.
fn places(probe: &Probe, genuine: &Genuine) -> Result<Vec<Attack>, Objection> {
    let mut places = Vec::new();
    for to in [INITIATOR, RESPONDER] {
        for (number, datagram) in (0..genuine.needed[to]).zip(&genuine.tape[to]) {
            let with = |change| Attack { to, number, change };
            let withheld = [with(Change::Withheld)];
            if unharmed(probe, &withheld, genuine.needed)?.is_empty() {
                let bytes = covered(datagram).into_iter();
                places.extend(bytes.map(|at| with(Change::Flipped(at))));
            }
        }
    }
    Ok(places)
}

/// Those of these attacks in spite of which a side finished on as many datagrams as it always needs, with the runs in
/// which it did: on more it may have been the true one, sent again.
fn unharmed(
    probe: &Probe,
    attacks: &[Attack],
    needed: [u32; 2],
) -> Result<Vec<(Attack, u64)>, Objection> {
    let setups = attacks.iter().map(|attack| Setup {
        attack: Some(*attack),
        ..Setup::default()
    });
    let mut world = World::of(probe, &setups.collect::<Vec<_>>())?;
    world.run(PATIENCE, |pair| {
        let to = pair.attack.map_or(INITIATOR, |attack| attack.to);
        pair.sides[to].is_settled() || pair.received[to] > needed[to]
    });
    let pairs = world.pairs.iter().zip(attacks);
    let survived = pairs.filter(|(pair, attack)| {
        let sufficed = |on: u32| on <= needed[attack.to];
        pair.is_attacked && pair.needed[attack.to].is_some_and(sufficed)
    });
    Ok(survived
        .map(|(pair, attack)| (*attack, pair.run.number))
        .collect())
}

/// A sentence for each datagram. Bytes that were tried one after the other make a range.
fn sentences(tried: &[Attack], survived: &[Attack], genuine: &Genuine) -> Vec<String> {
    let of_one = tried.chunk_by(|a, b| (a.to, a.number) == (b.to, b.number));
    let sentence = |tried: &[Attack]| {
        let Attack { to, number, .. } = tried[0];
        let runs = tried.chunk_by(|a, b| survived.contains(a) == survived.contains(b));
        let ranges: Vec<_> = runs
            .filter(|run| survived.contains(&run[0]))
            .map(|run| match (run[0].change, run[run.len() - 1].change) {
                (Change::Flipped(from), Change::Flipped(to)) if from < to => format!("{from}-{to}"),
                (Change::Flipped(at), _) => at.to_string(),
                _ => String::new(),
            })
            .collect();
        let len = genuine.tape[to][number as usize].len();
        (!ranges.is_empty()).then(|| {
            format!(
                "{} finished although datagram {} to it, of {len} bytes, had another byte at {}",
                name_of(to),
                number + 1,
                ranges.join(", ")
            )
        })
    };
    of_one.filter_map(sentence).collect()
}
