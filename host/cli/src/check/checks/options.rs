use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection, is_fault};
use crate::check::peers::Side;
use crate::check::probe::Probe;
use handclasp::plugin::{
    InitParameters, OptionError, OptionFault, OptionKind, OptionSpec, validate,
};
use std::collections::HashSet;

pub(crate) const OPTIONS: Check = Check {
    name: "options",
    sentence: "Each option is explained, its default fits, and an absurd value is taken or refused with a sentence",
    remedy: "correct the table of options, and let init answer HC_ERROR_OPTION and name what it takes",
    needs: Some("init"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    let specs = &probe.plugin.description().options;
    if specs.is_empty() {
        return Err(Objection::skip("it takes no options"));
    }
    let mut keys = HashSet::new();
    for spec in specs {
        let key = &spec.key;
        let wrong = |what| Err(Objection::finding(format!("option {key:?} {what}")));
        if key.is_empty() || key.contains(['=', ' ']) {
            return wrong("has a key that no command line can carry");
        }
        if !keys.insert(key) {
            return wrong("is declared twice");
        }
        if spec.help.is_empty() {
            return wrong("has no help: nobody learns what it is for");
        }
        is_guarded(probe, spec)?;
        for value in absurd(spec.kind) {
            try_value(probe, spec, value)?;
        }
    }
    Ok(())
}

/// Whether the host, by what is declared, refuses what must not reach `init`.
fn is_guarded(probe: &Probe, spec: &OptionSpec) -> Checked {
    let one = std::slice::from_ref(spec);
    let fault = |given: &[(String, String)]| {
        validate(probe.plugin.id(), one, given).map_err(|OptionError { fault, .. }| fault)
    };
    if let Err(fault @ OptionFault::Default { .. }) = fault(&[]) {
        return Err(Objection::finding(format!("option {:?} {fault}", spec.key)));
    }
    let is_missing = matches!(fault(&[]), Err(OptionFault::Missing { .. }));
    if spec.required && spec.default.is_none() && !is_missing {
        return Err(Objection::finding(format!(
            "option {:?} is required, but can be left out",
            spec.key
        )));
    }
    let unknown = format!("{}-unknown", spec.key);
    match fault(&[(unknown.clone(), String::new())]) {
        Err(_) => Ok(()),
        Ok(_) => Err(Objection::finding(format!(
            "the unknown option {unknown:?} is taken"
        ))),
    }
}

/// Values that nobody means; of files, what is in them.
fn absurd(kind: OptionKind) -> Vec<String> {
    match kind {
        OptionKind::String | OptionKind::File => {
            let long = "x".repeat(4096);
            ["", " ", "%s%n", "../..", "\u{1f91d}", &long]
                .map(str::to_owned)
                .into()
        }
        OptionKind::Integer => [0, 1, -1, i64::MIN, i64::MAX]
            .map(|number| number.to_string())
            .into(),
        OptionKind::Boolean => ["true", "false"].map(str::to_owned).into(),
    }
}

fn try_value(probe: &Probe, spec: &OptionSpec, value: String) -> Checked {
    let shown: String = value.chars().take(20).collect();
    let Some(options) = probe.with_meaning(spec, value.into_bytes()) else {
        return Ok(()); // it does not reach the plugin
    };
    let parameters = InitParameters {
        options,
        ..probe.parameters()
    };
    let side = Side::alone(probe, parameters);
    let Some(failure) = &side.failure else {
        return Ok(());
    };
    let set = match spec.kind {
        OptionKind::File => "set to a file with",
        _ => "set to",
    };
    let with = format!("with option {:?} {set} {shown:?}", spec.key);
    if is_fault(failure) {
        return Err(Objection::finding(format!("{with}, {failure}")));
    }
    match &failure.detail {
        Some(_) => Ok(()),
        None => Err(Objection::finding(format!(
            "{with}, init fails without a sentence"
        ))),
    }
}
