use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, MILLISECOND, RESPONDER, SECOND, Setup, World};
use crate::check::probe::Probe;

pub(crate) const LENT_MEMORY: Check = Check {
    name: "lent-memory",
    sentence: "What it is lent it reads within its bounds, and only until the call returns",
    remedy: "copy what is needed later, and compare every offset with len: what is lent ends with no zero",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

const HANDSHAKES: u32 = 4;

fn check(probe: &Probe) -> Checked {
    if !probe.guard_lent_memory(true) {
        return Err(Objection::skip(
            "this system cannot take back what was lent",
        ));
    }
    for number in 0..HANDSHAKES {
        // A side that is ready later has its calls in another order.
        let later = SECOND * u64::from(number % 2);
        let setup = Setup {
            ready_after: [0, later],
            seed: number.into(),
            ..Setup::default()
        };
        let mut world = World::of_one(probe, &setup)?;
        world.finish()?;
        world.wait(100 * MILLISECOND);
        for side in [INITIATOR, RESPONDER] {
            let now = world.now();
            let side = &mut world.pair().sides[side];
            side.export(b"EXPORTER-handclasp-check", 32);
            side.pester(now);
            if number % 2 == 0 {
                side.close(now);
            }
        }
    }
    Ok(())
}
