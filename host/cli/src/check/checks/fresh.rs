use super::wrong_secret::others;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::Side;
use crate::check::probe::Probe;
use handclasp::plugin::InitParameters;
use std::collections::HashSet;

pub(crate) const FRESH_INIT_DATA: Check = Check {
    name: "fresh-init-data",
    sentence: "Instances of different streams emit different init data, if no option decides it",
    remedy: "draw nonces and certificates anew in each init (a certificate once for each stream_id): what repeats can \
             be replayed, and tells others which streams belong together",
    needs: Some("init"),
    run: Run::Calling(check),
};

const INSTANCES: usize = 20;

fn check(probe: &Probe) -> Checked {
    let emitted = (0..INSTANCES).map(|_| init_data(probe, probe.parameters()));
    let emitted: Vec<_> = emitted.collect::<Option<_>>().unwrap_or_default();
    if emitted.iter().all(Vec::is_empty) {
        return Err(Objection::skip("its init emits nothing for its peer"));
    }
    let different: HashSet<_> = emitted.iter().collect();
    if different.len() == INSTANCES || is_an_options(probe, &emitted[0]) {
        return Ok(());
    }
    Err(Objection::warning(format!(
        "init data repeats: {INSTANCES} instances of different streams have {} between them",
        different.len()
    )))
}

/// Whether the value of an option decides it, as that of a certificate's file does.
fn is_an_options(probe: &Probe, emitted: &Vec<u8>) -> bool {
    let specs = &probe.plugin.description().options;
    let is_given = |key: &String| probe.given.iter().any(|(given, _)| given == key);
    specs.iter().filter(|spec| is_given(&spec.key)).any(|spec| {
        others(probe, spec).into_iter().any(|options| {
            let parameters = InitParameters {
                options,
                ..probe.parameters()
            };
            init_data(probe, parameters).as_ref() != Some(emitted)
        })
    })
}

/// Nothing if `init` fails.
fn init_data(probe: &Probe, parameters: InitParameters) -> Option<Vec<u8>> {
    let side = Side::alone(probe, parameters);
    side.failure.is_none().then(|| side.init_data.clone())
}
