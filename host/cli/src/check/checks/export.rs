use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, RESPONDER, Setup, World};
use crate::check::probe::Probe;
use handclasp::plugin::FailureKind;

pub(crate) const EXPORT: Check = Check {
    name: "export",
    sentence: "Both sides export the same keys for a label, and others for another label",
    remedy: "derive them as RFC 5705 does, from what both sides share",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

const LABEL: &[u8] = b"EXPORTER-handclasp-check";
const OTHER: &[u8] = b"EXPORTER-handclasp-other";
/// RFC 5764: some libraries serve no other.
const SRTP: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Bytes of the head of handshake data of type `srtp-keys`: the rest is as long as what was exported for it.
const SRTP_HEAD: usize = 4;

fn check(probe: &Probe) -> Checked {
    if probe.extension("hc.export/1").is_none() {
        return Err(Objection::skip("it does not declare hc.export/1"));
    }
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let agreed = world.pair().sides[INITIATOR]
        .agreed
        .as_ref()
        .map_or(0, |data| data.len());
    for (label, len) in [(LABEL, 32), (SRTP, agreed.saturating_sub(SRTP_HEAD))] {
        let Some(ours) = export(&mut world, INITIATOR, label, len)? else {
            continue;
        };
        if export(&mut world, RESPONDER, label, len)?.as_ref() != Some(&ours) {
            return Err(Objection::finding("the two sides export different keys"));
        }
        if export(&mut world, INITIATOR, OTHER, len)? == Some(ours) {
            return Err(Objection::finding("two labels give the same keys"));
        }
        return Ok(());
    }
    Err(Objection::skip(
        "it serves none of the labels that were tried",
    ))
}

/// Nothing if this label is not served.
fn export(
    world: &mut World<'_>,
    side: usize,
    label: &[u8],
    len: usize,
) -> Result<Option<Vec<u8>>, Objection> {
    match world.pair().sides[side].export(label, len) {
        None => Err(Objection::skip("no instance is left to ask")),
        Some(Ok(keys)) => Ok(Some(keys)),
        Some(Err(failure)) if failure.kind == FailureKind::Unsupported => Ok(None),
        Some(Err(failure)) => Err(Objection::finding(format!("after the finish, {failure}"))),
    }
}
