use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{MILLISECOND, Pair, Setup, World};
use crate::check::probe::Probe;
use crate::srtp_keys::SrtpKeys;

pub(crate) const HANDSHAKE: Check = Check {
    name: "handshake",
    sentence: "Two instances, each given the other's init data, finish and agree",
    remedy: "follow the lifecycle in handclasp.h: packets from connection_ready, answers from recv_from_peer, \
             HC_FINISHED once on each side",
    needs: Some("init"),
    run: Run::Calling(handshake),
};

pub(crate) const READY_ORDER: Check = Check {
    name: "ready-order",
    sentence: "They finish whoever is READY first: datagrams may come before READY",
    remedy: "take datagrams before connection_ready too; what is emitted then leaves at READY",
    needs: Some("handshake"),
    run: Run::Calling(ready_order),
};

pub(crate) const INTERLEAVED: Check = Check {
    name: "interleaved",
    sentence: "Handshakes that go on at the same time do not touch each other",
    remedy: "keep all state in the instance, none in globals",
    needs: Some("call-times"),
    run: Run::Calling(interleaved),
};

fn handshake(probe: &Probe) -> Checked {
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    agree(probe, world.pair())
}

fn ready_order(probe: &Probe) -> Checked {
    const LATER: u64 = 700 * MILLISECOND;
    for ready_after in [[0, LATER], [LATER, 0], [LATER, LATER]] {
        let setup = Setup {
            ready_after,
            ..Setup::default()
        };
        let mut world = World::of_one(probe, &setup)?;
        world.finish()?;
        agree(probe, world.pair())?;
    }
    Ok(())
}

fn interleaved(probe: &Probe) -> Checked {
    let setups = (0..8).map(|seed| Setup {
        seed,
        ready_after: [0, seed * MILLISECOND],
        ..Setup::default()
    });
    let mut world = World::of(probe, &setups.collect::<Vec<_>>())?;
    world.finish()?;
    world.pairs.iter().try_for_each(|pair| agree(probe, pair))
}

/// Whether both sides agreed on the same, where the format tells.
pub(crate) fn agree(probe: &Probe, pair: &Pair<'_>) -> Checked {
    let [Some(a), Some(b)] = pair.sides.each_ref().map(|side| side.agreed.as_deref()) else {
        return Ok(());
    };
    // Whether they are such keys at all is another check.
    let keys = SrtpKeys::parse(a).zip(SrtpKeys::parse(b));
    if !makes_srtp_keys(probe) || keys.is_none_or(|(a, b)| a.mirrors(b)) {
        return Ok(());
    }
    let finding = Objection::finding(
        "the sides' handshake data of type srtp-keys do not belong together: one's local keys are not the \
         other's remote ones",
    );
    Err(finding.seen_in(pair.run.number))
}

pub(super) fn makes_srtp_keys(probe: &Probe) -> bool {
    probe.plugin.description().handshake_data_type.as_deref() == Some("srtp-keys")
}
