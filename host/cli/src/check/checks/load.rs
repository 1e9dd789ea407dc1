use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::Checked;
use crate::check::probe::Probe;

pub(crate) const LOAD: Check = Check {
    name: "load",
    sentence: "It opens, its tables and layouts are the host's, and load succeeds",
    remedy: "",
    needs: Some("descriptor"),
    run: Run::Calling(load),
};

pub(crate) const RELOAD: Check = Check {
    name: "reload",
    sentence: "It may be loaded again after unload, and by another host in the process, and goes on",
    remedy: "count loads, undo with the last what the first did, and set all variables again: the library stays mapped",
    needs: Some("init"),
    run: Run::Reloading(reload),
};

/// A check begins with loading the plugin: there is nothing left to do.
fn load(_probe: &Probe) -> Checked {
    Ok(())
}

fn reload(probe: &Probe) -> Checked {
    for _ in 0..3 {
        let instance = make(probe)?;
        drop(probe.open_again()?);
        drop(instance);
        make(probe)?;
    }
    Ok(())
}
