use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection, is_fault};
use crate::check::peers::{INITIATOR, RESPONDER, World, stages};
use crate::check::probe::{MTU, Probe};

pub(crate) const RANDOM: Check = Check {
    name: "random",
    sentence: "10,000 random datagrams at every stage are ignored, and the handshake finishes all the same",
    remedy: "bad input is no failure: ignore what does not parse or verify, and return HC_PENDING",
    needs: Some("lent-memory"),
    run: Run::Calling(random),
};

pub(crate) const MUTATED: Check = Check {
    name: "mutated",
    sentence: "10,000 damaged copies of the peer's datagrams at every stage break nothing but, at most, the handshake",
    remedy: "check every length and offset that a datagram contains before using it",
    needs: Some("lent-memory"),
    run: Run::Calling(mutated),
};

const DATAGRAMS: u32 = 10_000;
/// How often a pair that a damaged datagram has ended is made anew, at each stage.
const MAX_ENDED: u32 = 200;

fn random(probe: &Probe) -> Checked {
    probe.guard_lent_memory(false);
    let firsts = first_bytes(probe);
    let mut random = fastrand::Rng::with_seed(probe.seed);
    let stages = stages(probe)?;
    for &stage in &stages {
        let budget = probe.budget(stages.len());
        let mut world = stage.reach(probe)?;
        for number in 0..probe.times(DATAGRAMS) {
            if budget.is_spent() {
                break;
            }
            let side = if number % 2 == 0 {
                INITIATOR
            } else {
                RESPONDER
            };
            let mut datagram = vec![0; random.usize(1..usize::from(MTU))];
            random.fill(&mut datagram);
            datagram[0] = *random.choice(&firsts).expect("a handshake has first bytes");
            world.inject(side, &datagram);
            world.check_alive(&format!("{stage}, given random datagrams"))?;
        }
        let given = format!("given random datagrams {stage}");
        world.finish().map_err(|objection| objection.after(given))?;
    }
    Ok(())
}

fn mutated(probe: &Probe) -> Checked {
    probe.guard_lent_memory(false);
    let mut random = fastrand::Rng::with_seed(probe.seed);
    let stages = stages(probe)?;
    for &stage in &stages {
        let budget = probe.budget(stages.len());
        let mut ended = 0;
        let mut world = stage.reach(probe)?;
        let genuine = genuine(&world, probe)?;
        for number in 0..probe.times(DATAGRAMS) {
            if budget.is_spent() {
                break;
            }
            let (side, datagram) = &genuine[number as usize % genuine.len()];
            world.inject(*side, &damage(datagram, &mut random));
            let failure = world
                .pair()
                .sides
                .iter()
                .find_map(|side| side.failure.clone());
            match failure {
                None => {}
                Some(failure) if is_fault(&failure) => {
                    return Err(Objection::finding(format!("{stage}, {failure}")));
                }
                // Without secrets, a damaged hello cannot be told from a peer that is not suitable.
                Some(_) if ended == MAX_ENDED => break,
                Some(_) => {
                    ended += 1;
                    world = stage.reach(probe)?;
                }
            }
        }
    }
    Ok(())
}

/// What is on its way at this stage, to which side; else, what a whole handshake consists of.
fn genuine(world: &World<'_>, probe: &Probe) -> Result<Vec<(usize, Vec<u8>)>, Objection> {
    let here = on_the_way(world);
    if !here.is_empty() {
        return Ok(here);
    }
    let mut all = Vec::new();
    for stage in stages(probe)? {
        all.extend(on_the_way(&stage.reach(probe)?));
    }
    match all.is_empty() {
        false => Ok(all),
        true => Err(Objection::skip("no datagram is ever on its way")),
    }
}

fn on_the_way(world: &World<'_>) -> Vec<(usize, Vec<u8>)> {
    let to = |side| {
        world.pairs[0]
            .next_to(side)
            .map(|datagram| (side, datagram.to_vec()))
    };
    [INITIATOR, RESPONDER].into_iter().filter_map(to).collect()
}

/// Flips bits, overwrites, cuts short or lengthens.
fn damage(datagram: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut damaged = datagram.to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..damaged.len());
        match random.u8(..6) {
            0 => damaged.truncate(at.max(1)),
            1 => damaged.extend_from_within(at..),
            2 => damaged[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).expect("not empty"),
            3 => damaged[at] = random.u8(..),
            _ => damaged[at] ^= 1 << random.u8(..8),
        }
        damaged.truncate(4 * usize::from(MTU));
    }
    damaged
}

/// First bytes of datagrams that a host passes on: those of the classifier, else any that RFC 7983 does not
/// give to STUN.
pub(crate) fn first_bytes(probe: &Probe) -> Vec<u8> {
    match probe.plugin.first_bytes() {
        None => (4..=u8::MAX).collect(),
        Some(map) => map.bytes().collect(),
    }
}
