use super::noise::first_bytes;
use crate::check::budget::Budget;
use crate::check::definition::{Check, Run};
use crate::check::outcome::Checked;
use crate::check::peers::{INITIATOR, RESPONDER, Stage, stages};
use crate::check::probe::{MTU, Probe};

pub(crate) const SIZES: Check = Check {
    name: "sizes",
    sentence: "Datagrams of 1 byte, of the MTU and of 65,507 bytes do no harm at any stage",
    remedy: "compare a datagram's len with every offset before reading there, and ignore what is too long",
    needs: Some("lent-memory"),
    run: Run::Calling(check),
};

/// The shortest a plugin can be given, what peers send at most, and what UDP can carry.
const LENGTHS: [usize; 5] = [1, 2, MTU as usize, MTU as usize + 1, 65_507];

fn check(probe: &Probe) -> Checked {
    probe.guard_lent_memory(false);
    let stages = stages(probe)?;
    let mut parts = stages.iter();
    parts.try_for_each(|&stage| at(probe, stage, &probe.budget(stages.len())))
}

fn at(probe: &Probe, stage: Stage, budget: &Budget) -> Checked {
    let mut world = stage.reach(probe)?;
    for side in [INITIATOR, RESPONDER] {
        for len in LENGTHS {
            for first in first_bytes(probe) {
                if budget.is_spent() {
                    break;
                }
                for fill in [0, 0xff] {
                    let mut datagram = vec![fill; len];
                    datagram[0] = first;
                    world.inject(side, &datagram);
                }
                world.check_alive(&format!("{stage}, given {len} bytes after {first:#04x}"))?;
            }
        }
    }
    let given = format!("given such datagrams {stage}");
    world.finish().map_err(|objection| objection.after(given))
}
