use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection, is_fault};
use crate::check::peers::{INITIATOR, RESPONDER, SECOND, Stage, stages};
use crate::check::probe::Probe;

pub(crate) const CLOSE: Check = Check {
    name: "close",
    sentence: "close and destroy may come in every state, and the peer understands the farewell",
    remedy: "emit a farewell only where there is somebody to say it to, and answer a peer's with \
             HC_ERROR_CLOSED_BY_PEER",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    let mut alone = make(probe)?;
    alone.close(0);
    in_order(alone.failure.as_ref(), "before its peer was known")?;
    for stage in stages(probe)? {
        for side in [INITIATOR, RESPONDER] {
            close(probe, stage, side)?;
        }
    }
    Ok(())
}

fn close(probe: &Probe, stage: Stage, side: usize) -> Checked {
    let mut world = stage.reach(probe)?;
    let now = world.now();
    world.pair().sides[side].close(now);
    world.pair().collect(now);
    world.run(SECOND, |_| false);
    let when = format!("closed {stage}");
    for side in &world.pair().sides {
        in_order(side.failure.as_ref(), &when)?;
    }
    match stage {
        // The farewell was not forged: after the finish it can be verified, and is no error.
        Stage::Finished => world.check_alive("when its peer closed"),
        _ => Ok(()),
    }
}

fn in_order(failure: Option<&handclasp::plugin::Failure>, when: &str) -> Checked {
    match failure {
        Some(failure) if is_fault(failure) => Err(Objection::finding(format!("{when}, {failure}"))),
        _ => Ok(()),
    }
}
