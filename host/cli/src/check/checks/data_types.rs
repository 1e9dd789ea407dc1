use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{Setup, World, name_of};
use crate::check::probe::Probe;
use crate::srtp_keys;

pub(crate) const DATA_TYPES: Check = Check {
    name: "data-types",
    sentence: "What it emits is of the types it declares, and what it declares it emits",
    remedy: "declare what is emitted, and NULL where that is nothing: see \"data types\" in handclasp.h",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let description = probe.plugin.description();
    let declared = description.handshake_data_type.as_deref();
    for (index, side) in world.pair().sides.iter().enumerate() {
        let (name, data) = (name_of(index), side.agreed.as_deref());
        let data = data.map_or(&[][..], Vec::as_slice);
        match declared {
            None if !data.is_empty() => {
                return Err(Objection::finding(format!(
                    "{name} emits handshake data, and handshake_data_type is NULL"
                )));
            }
            Some("srtp-keys") => srtp_keys::check(data).map_err(|fault| {
                Objection::finding(format!("{name} emits no srtp-keys: {fault}"))
            })?,
            Some(declared) if data.is_empty() => {
                return Err(Objection::warning(format!(
                    "handshake_data_type is {declared:?}, and {name} emits none"
                )));
            }
            _ => {}
        }
    }
    match &description.init_data_type {
        Some(declared) if make(probe)?.init_data.is_empty() => Err(Objection::warning(format!(
            "init_data_type is {declared:?}, and init emits none"
        ))),
        _ => Ok(()),
    }
}
