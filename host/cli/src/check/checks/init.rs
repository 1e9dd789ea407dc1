use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::Side;
use crate::check::probe::Probe;
use handclasp::plugin::FailureKind;

pub(crate) const INIT: Check = Check {
    name: "init",
    sentence: "init makes an instance from its options, and destroy takes it back",
    remedy: "let init answer with a status and a sentence, whatever happens in it, and destroy free what it made",
    needs: Some("load"),
    run: Run::Calling(check),
};

/// Instances that are there at the same time.
const INSTANCES: u32 = 10;

fn check(probe: &Probe) -> Checked {
    can_use_the_options(probe)?;
    for _ in 0..INSTANCES {
        make(probe)?;
    }
    let together: Vec<_> = (0..INSTANCES).map(|_| make(probe)).collect();
    together.into_iter().try_for_each(|side| side.map(drop))
}

/// Options that the plugin refuses are no fault of its own, unless they are its defaults.
fn can_use_the_options(probe: &Probe) -> Checked {
    match &attempt(probe).failure {
        Some(failure) if failure.kind == FailureKind::Option && !probe.given.is_empty() => {
            let keys: Vec<_> = probe.given.iter().map(|(key, _)| key.as_str()).collect();
            Err(Objection::Usage(format!(
                "{failure} (the values of {} were given here, or made up): give others with --option KEY=VALUE",
                keys.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

fn attempt(probe: &Probe) -> Side<'_> {
    Side::alone(probe, probe.parameters())
}

/// An instance, alone.
pub(crate) fn make(probe: &Probe) -> Result<Side<'_>, Objection> {
    let side = attempt(probe);
    side.check().map(|()| side)
}
