use super::handshake::agree;
use crate::check::definition::{Check, Run};
use crate::check::outcome::Checked;
use crate::check::peers::{Setup, World};
use crate::check::probe::Probe;
use std::thread;

pub(crate) const CHANGING_THREADS: Check = Check {
    name: "changing-threads",
    sentence: "Each call may come from another thread, which ends after it",
    remedy: "keep no state in thread-local variables from one call to the next",
    needs: Some("handshake"),
    run: Run::Calling(changing_threads),
};

pub(crate) const PARALLEL: Check = Check {
    name: "parallel",
    sentence: "Instances run on several threads at the same time",
    remedy: "guard what instances share, such as a certificate or a library's context, or let them share nothing",
    needs: Some("call-times"),
    run: Run::Calling(parallel),
};

fn changing_threads(probe: &Probe) -> Checked {
    let setup = Setup {
        fresh_threads: true,
        ..Setup::default()
    };
    let mut world = World::of_one(probe, &setup)?;
    world.finish()?;
    agree(probe, world.pair())?;
    // `destroy` comes from yet another.
    thread::scope(|scope| scope.spawn(|| drop(world)).join()).expect("dropping does not panic");
    Ok(())
}

const THREADS: u32 = 4;
const HANDSHAKES: u32 = 25;

fn parallel(probe: &Probe) -> Checked {
    let each = probe.cost_of(|| one(probe))? * THREADS;
    let some = || (0..probe.affordable(HANDSHAKES, each)).try_for_each(|_| one(probe));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(some)).collect();
        let mut results = threads.into_iter().map(|thread| thread.join());
        results.try_for_each(|result| result.expect("a handshake does not panic in the checker"))
    })
}

fn one(probe: &Probe) -> Checked {
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    agree(probe, world.pair())
}
