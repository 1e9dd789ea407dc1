use super::Library;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use handclasp::plugin::vet;

pub(crate) const DESCRIPTOR: Check = Check {
    name: "descriptor",
    sentence: "The file exports a descriptor for this host's ABI and machine, and is safe from other users",
    remedy: "",
    needs: None,
    run: Run::Reading(check),
};

fn check(library: &Library) -> Checked {
    match vet(&library.path) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(Objection::finding(refusal.to_string())),
    }
}
