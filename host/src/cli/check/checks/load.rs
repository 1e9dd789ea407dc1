use super::init::make;
use crate::cli::check::outcome::Checked;
use crate::cli::check::probe::Probe;
use crate::cli::check::table::{Check, Run};

pub(crate) const LOAD: Check = Check {
    name: "load",
    sentence: "It opens, its tables and layouts are the host's, and load and unload may come again",
    remedy: "count loads, undo in unload what load did, and let load start from anew: the library stays mapped",
    needs: Some("descriptor"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    for _ in 0..3 {
        // A second host in this process; it goes, and the first goes on.
        drop(probe.open_again()?);
        make(probe)?;
    }
    Ok(())
}
