use super::Trial;
use crate::check::checks::handshake::agree;
use crate::check::checks::wrong_peer::patience;
use crate::check::outcome::{Checked, Objection, is_fault};
use crate::check::peers::{Pair, World, name_of};
use crate::check::probe::Probe;

/// Most forgeries that a finding names.
const NAMED: usize = 5;

/// What a forged datagram did to a pair.
pub(super) struct Harm {
    how: Objection,
    /// It can be what DTLS does not prevent: that a handshake fails or does not finish.
    pub(super) is_excusable: bool,
}

/// What became of each pair; nothing if all is as if nobody had disturbed it.
pub(super) fn harms(
    probe: &Probe,
    world: &mut World<'_>,
    trials: &[Trial],
    hears_farewells: bool,
) -> Vec<Option<Harm>> {
    let check = |pair: &Pair<'_>| {
        pair.check_finished()?;
        pair.check_live()?;
        agree(probe, pair)
    };
    let harm = |pair: &Pair<'_>| {
        let failures = pair.sides.iter().filter_map(|side| side.failure.as_ref());
        let is_excusable = !pair.has_finished() && !failures.into_iter().any(is_fault);
        check(pair).err().map(|how| Harm { how, is_excusable })
    };
    let mut harms: Vec<_> = world.pairs.iter().map(harm).collect();
    if !hears_farewells {
        return harms;
    }
    close(world, trials.iter().map(Trial::closer));
    world.run(patience(probe), |pair| {
        !pair.has_finished() || pair.is_over()
    });
    for ((harm, pair), trial) in harms.iter_mut().zip(&world.pairs).zip(trials) {
        let closer = trial.closer();
        // It would have failed at anything but a farewell.
        let is_heard = pair.is_over() && pair.sides[1 - closer].failure.is_none();
        if harm.is_none() && !is_heard {
            let (deaf, closer) = (name_of(1 - closer), name_of(closer));
            let how = Objection::finding(format!("{deaf} did not hear that {closer} closed"));
            *harm = Some(Harm {
                how: how.seen_in(pair.run.number),
                is_excusable: false,
            });
        }
    }
    harms
}

/// Closes one side of each pair.
pub(super) fn close(world: &mut World<'_>, closers: impl Iterator<Item = usize>) {
    let now = world.now();
    for (pair, closer) in world.pairs.iter_mut().zip(closers) {
        pair.sides[closer].close(now);
        pair.collect(now);
    }
}

/// A finding if one of the pairs has come to harm.
pub(super) fn report(trials: &[Trial], harms: Vec<Option<Harm>>) -> Checked {
    let faults = trials.iter().zip(&harms).filter_map(|(trial, harm)| {
        let fault = harm.as_ref()?.how.fault()?;
        Some((format!("after {trial}, {}", fault.what), fault.run))
    });
    let (sentences, runs): (Vec<_>, Vec<_>) = faults.unzip();
    let Some(&run) = runs.first() else {
        return Ok(());
    };
    let more = sentences.len().saturating_sub(NAMED);
    let mut what = sentences[..sentences.len() - more].join("; ");
    if more > 0 {
        what += &format!("; and after {more} more");
    }
    let finding = Objection::finding(what);
    Err(match run {
        Some(run) => finding.seen_in(run),
        None => finding,
    })
}
