use super::authenticates;
use super::handshake::{agree, makes_srtp_keys};
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, MILLISECOND, Pair, Setup, World};
use crate::check::probe::Probe;

pub(crate) const KEYS: Check = Check {
    name: "keys",
    sentence: "In each of 200 handshakes both sides have the same keys, and in no two of them",
    remedy: "derive keys from all that both sides contributed, both sides' fresh randomness included",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

const HANDSHAKES: u32 = 200;

fn check(probe: &Probe) -> Checked {
    let each = probe.cost_of(|| World::of_one(probe, &Setup::default())?.finish())?;
    let setups = (0..probe.affordable(HANDSHAKES, each)).map(|seed| Setup {
        seed: seed.into(),
        ready_after: [0, u64::from(seed % 8) * MILLISECOND],
        ..Setup::default()
    });
    let mut world = World::of(probe, &setups.collect::<Vec<_>>())?;
    world.finish()?;
    world.pairs.iter().try_for_each(|pair| agree(probe, pair))?;
    differ(probe, &world.pairs)?;
    world.pairs.iter().try_for_each(|pair| views(probe, pair))
}

/// No two handshakes have the same keys.
fn differ(probe: &Probe, pairs: &[Pair<'_>]) -> Checked {
    let mut keys: Vec<(&[u8], u64)> = pairs.iter().map(keys_of).collect();
    keys.retain(|(keys, _)| !keys.is_empty());
    keys.sort_unstable();
    let same = keys.windows(2).find(|two| two[0].0 == two[1].0);
    let Some(&[_, (_, run)]) = same else {
        return Ok(());
    };
    if makes_srtp_keys(probe) {
        return Err(Objection::finding("two handshakes have the same keys").seen_in(run));
    }
    // The format is the plugin's own: there may be no keys in it, the less where nobody is authenticated.
    match authenticates(probe) {
        Ok(()) => Err(Objection::warning(
            "two handshakes have the same handshake data: no key may be in it",
        )
        .seen_in(run)),
        Err(_) => Ok(()),
    }
}

/// The initiator's, and the number of the run.
fn keys_of<'a>(pair: &'a Pair<'_>) -> (&'a [u8], u64) {
    let keys = pair.sides[INITIATOR].agreed.as_ref();
    (keys.map_or(&[], |keys| keys.as_slice()), pair.run.number)
}

/// In a format of the plugin's own, both sides have the same, or each its own half first.
fn views(probe: &Probe, pair: &Pair<'_>) -> Checked {
    let [Some(a), Some(b)] = pair.sides.each_ref().map(|side| side.agreed.as_deref()) else {
        return Ok(());
    };
    let mirrors = || {
        let (ours, theirs) = a.split_at(a.len() / 2);
        a.len().is_multiple_of(2)
            && b.len() == a.len()
            && b.split_at(theirs.len()) == (theirs, ours)
    };
    if makes_srtp_keys(probe) || a == b || mirrors() {
        return Ok(());
    }
    Err(Objection::warning(
        "the sides' handshake data are neither the same nor each other's halves exchanged: no peer can use them",
    )
    .remedied(
        "emit the same bytes on both sides, or the local half first and the remote one after it; any other format \
         is for you to test",
    )
    .seen_in(pair.run.number))
}
