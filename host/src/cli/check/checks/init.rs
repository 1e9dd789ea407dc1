use crate::cli::check::outcome::{Checked, Objection};
use crate::cli::check::peers::Side;
use crate::cli::check::probe::Probe;
use crate::cli::check::table::{Check, Run};

pub(crate) const INIT: Check = Check {
    name: "init",
    sentence: "init makes an instance from its default options, and destroy takes it back",
    remedy: "let init answer with a status and a sentence, whatever happens in it, and destroy free what it made",
    needs: Some("load"),
    run: Run::Calling(check),
};

/// Instances that are there at the same time.
const INSTANCES: u32 = 10;

fn check(probe: &Probe) -> Checked {
    for _ in 0..INSTANCES {
        make(probe)?;
    }
    let together: Vec<_> = (0..INSTANCES).map(|_| make(probe)).collect();
    together.into_iter().try_for_each(|side| side.map(drop))
}

/// An instance, alone.
pub(crate) fn make(probe: &Probe) -> Result<Side<'_>, Objection> {
    let side = Side::init(probe, "a single instance", probe.parameters(), false, 0);
    side.check().map(|()| side)
}
