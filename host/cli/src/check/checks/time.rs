use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection, is_fault};
use crate::check::peers::{MILLISECOND, Pair, SECOND, Setup, Stage, World, stages};
use crate::check::probe::Probe;

pub(crate) const EARLY_CALLS: Check = Check {
    name: "early-calls",
    sentence: "Calls of on_deadline and on_wake that nothing asked for do no harm",
    remedy: "look at now_ns in on_deadline, and set the deadline again if it is not due",
    needs: Some("call-times"),
    run: Run::Calling(early_calls),
};

pub(crate) const CLOCK_STEPS: Check = Check {
    name: "clock-steps",
    sentence: "A clock that has gone 5 s ahead between two calls is no failure, one a day ahead no disaster",
    remedy: "compute with saturating differences of now_ns, and catch up with one repetition, not with all",
    needs: Some("call-times"),
    run: Run::Calling(clock_steps),
};

fn early_calls(probe: &Probe) -> Checked {
    if probe.extension("hc.timer/1").is_none() && probe.extension("hc.wake/1").is_none() {
        return Err(Objection::skip(
            "it declares neither hc.timer/1 nor hc.wake/1",
        ));
    }
    stages(probe)?;
    let mut world = World::of_one(probe, &Setup::default())?;
    let budget = probe.budget(1);
    for _ in 0..1000 {
        if budget.is_spent() {
            break;
        }
        let now = world.now();
        world
            .pair()
            .sides
            .iter_mut()
            .for_each(|side| side.pester(now));
        world.pair().collect(now);
        if world.pair().is_settled() {
            break;
        }
        world.run(7 * MILLISECOND, Pair::is_settled);
        world.jump(MILLISECOND);
    }
    world.finish()?;
    let now = world.now();
    world
        .pair()
        .sides
        .iter_mut()
        .for_each(|side| side.pester(now));
    world.check_alive("when it was called early after the finish")
}

fn clock_steps(probe: &Probe) -> Checked {
    if probe.in_real_time() {
        return Err(Objection::skip(
            "it goes by the system's clock, which is not stepped for a check",
        ));
    }
    for stage in stages(probe)? {
        step(probe, stage, 5 * SECOND)?;
        step(probe, stage, 24 * 3600 * SECOND)?;
    }
    Ok(())
}

fn step(probe: &Probe, stage: Stage, nanoseconds: u64) -> Checked {
    let mut world = stage.reach(probe)?;
    world.jump(nanoseconds);
    let short = nanoseconds < 30 * SECOND;
    let finished = world.finish();
    // A day later a handshake may have given up, in good order.
    let faulty = world
        .pair()
        .sides
        .iter()
        .any(|side| side.failure.as_ref().is_some_and(is_fault));
    if !short && !faulty {
        return Ok(());
    }
    let seconds = nanoseconds / SECOND;
    finished.map_err(|objection| objection.after(format!("with a step of {seconds} s {stage}")))
}
