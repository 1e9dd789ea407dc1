use super::wrong_peer::{other_digit, patience};
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, Pair, RESPONDER, Setup, Side, World};
use crate::check::probe::{Probe, Settings};
use handclasp::plugin::{FailureKind, InitParameters, OptionKind, OptionSpec};

pub(crate) const WRONG_SECRET: Check = Check {
    name: "wrong-secret",
    sentence: "Nobody finishes with a peer that was given another secret",
    remedy: "let each side prove that it knows the secret, all of it, and verify that in constant time before \
             HC_FINISHED",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    let secrets = secrets(probe);
    if secrets.is_empty() {
        return Err(Objection::skip("no option is a secret that it requires"));
    }
    let mut tried = false;
    for spec in secrets {
        for options in others(probe, spec) {
            for side in [INITIATOR, RESPONDER] {
                tried |= deceive(probe, &spec.key, side, &options)?;
            }
        }
    }
    match tried {
        true => Ok(()),
        false => Err(Objection::skip("it takes no other secret of the same form")),
    }
}

/// The options that are secrets, and have a value in this check.
pub(crate) fn secrets(probe: &Probe) -> Vec<&OptionSpec> {
    let specs = &probe.plugin.description().options;
    let is_given = |spec: &&OptionSpec| probe.given.iter().any(|(key, _)| *key == spec.key);
    let secret = specs.iter().filter(|spec| spec.secret);
    secret.filter(is_given).collect()
}

/// What an instance is given, with other values of one option: all of it another, and a single character.
pub(crate) fn others(probe: &Probe, spec: &OptionSpec) -> Vec<Settings> {
    let is_secret = matches!(spec.kind, OptionKind::String | OptionKind::File);
    let Some(secret) = probe.meaning(spec).filter(|_| is_secret) else {
        return Vec::new();
    };
    let all: Vec<u8> = secret.iter().copied().map(other).collect();
    let mut one = secret.clone();
    if let Some(middle) = one.get_mut(secret.len() / 2) {
        *middle = other(*middle);
    }
    let altered = [all, one].into_iter().filter(|altered| *altered != secret);
    altered
        .filter_map(|altered| probe.with_meaning(spec, altered))
        .collect()
}

/// Another of its kind: what is a hexadecimal digit stays one.
fn other(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f' => other_digit(byte),
        b'G'..=b'Y' | b'g'..=b'y' => byte + 1,
        b'Z' => b'G',
        b'z' => b'g',
        rest => rest,
    }
}

/// Gives one side another secret; false if it does not take that.
fn deceive(probe: &Probe, key: &str, side: usize, options: &Settings) -> Result<bool, Objection> {
    let parameters = InitParameters {
        options: options.clone(),
        ..probe.parameters()
    };
    match &Side::alone(probe, parameters).failure {
        Some(failure) if failure.kind == FailureKind::Option => return Ok(false),
        _ => {}
    }
    let mut setup = Setup::default();
    setup.options[side] = Some(options.clone());
    let mut world = World::of_one(probe, &setup)?;
    world.run(patience(probe), |pair: &Pair<'_>| {
        pair.sides.iter().all(Side::is_settled)
    });
    for side in &world.pair().sides {
        side.check_unfinished(format_args!("finished although its peer has another {key}"))?;
    }
    Ok(true)
}
