//! Values for options that a plugin requires and the command line does not give.
use handclasp::plugin::{OptionKind, OptionSpec};

/// What was given, then a made-up value for each option that would be missing.
pub(super) fn complete(specs: &[OptionSpec], given: &[(String, String)]) -> Vec<(String, String)> {
    let is_missing = |spec: &&OptionSpec| {
        spec.required && spec.default.is_none() && given.iter().all(|(key, _)| *key != spec.key)
    };
    let invented = specs.iter().filter(is_missing).map(|spec| {
        let value = match spec.kind {
            // Long enough for a secret.
            OptionKind::String => "made-up-by-handclasp-check-0123456789abcdef",
            OptionKind::Integer => "1",
            OptionKind::Boolean => "true",
        };
        (spec.key.clone(), value.to_owned())
    });
    given.iter().cloned().chain(invented).collect()
}
