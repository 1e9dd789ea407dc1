use crate::cli::check::outcome::{Checked, Objection, is_fault};
use crate::cli::check::peers::{Setup, World};
use crate::cli::check::probe::Probe;
use crate::cli::check::table::{Check, Run};
use handclasp::plugin::FailureKind;

pub(crate) const EXPORT: Check = Check {
    name: "export",
    sentence: "Both sides export the same keys for a label, and others for another label",
    remedy: "derive them as RFC 5705 does, from what both sides share",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    if probe.extension("hc.export/1").is_none() {
        return Err(Objection::skip("it does not declare hc.export/1"));
    }
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let mut export = |side: usize, label: &[u8]| match world.pair().sides[side].export(label) {
        None => Err(Objection::skip("there is no instance left to ask")),
        Some(Ok(key)) => Ok(key),
        Some(Err(failure)) if failure.kind == FailureKind::Unsupported => Err(Objection::skip(
            "it does not serve the label that was tried",
        )),
        Some(Err(failure)) if is_fault(&failure) => Err(Objection::from(&failure)),
        Some(Err(failure)) => Err(Objection::finding(format!("after the finish, {failure}"))),
    };
    let label = b"EXPORTER-handclasp-check";
    let (ours, theirs) = (export(0, label)?, export(1, label)?);
    if ours != theirs {
        return Err(Objection::finding("the two sides export different keys"));
    }
    if ours == export(0, b"EXPORTER-handclasp-other")? {
        return Err(Objection::finding("two labels give the same keys"));
    }
    Ok(())
}
