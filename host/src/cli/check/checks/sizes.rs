use super::noise::first_bytes;
use crate::cli::check::outcome::Checked;
use crate::cli::check::peers::{INITIATOR, RESPONDER, Stage, stages};
use crate::cli::check::probe::{MTU, Probe};
use crate::cli::check::table::{Check, Run};

pub(crate) const SIZES: Check = Check {
    name: "sizes",
    sentence: "Datagrams of 1 byte, of the MTU and of 65,507 bytes do no harm at any stage",
    remedy: "compare a datagram's len with every offset before reading there, and ignore what is too long",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// The shortest a plugin can be given, what peers send at most, and what UDP can carry.
const LENGTHS: [usize; 5] = [1, 2, MTU as usize, MTU as usize + 1, 65_507];

fn check(probe: &Probe) -> Checked {
    stages(probe)?
        .into_iter()
        .try_for_each(|stage| at(probe, stage))
}

fn at(probe: &Probe, stage: Stage) -> Checked {
    let mut world = stage.reach(probe)?;
    for side in [INITIATOR, RESPONDER] {
        for len in LENGTHS {
            for first in first_bytes(probe) {
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
