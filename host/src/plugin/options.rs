//! The options a plugin declares, and the check of what it is given against them.
use std::fs::{self, File};
use std::io;

use super::option_error::{MAX_VALUE, MAX_VALUES, OptionError, OptionFault};
use super::option_kind::OptionKind;
use crate::shortened::shortened;
use crate::similar::similar;

/// One option, as the plugin's descriptor declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name.
    pub key: String,
    /// What its values are.
    pub kind: OptionKind,
    /// The value it has when none is given.
    pub default: Option<String>,
    /// Whether a value must be given.
    pub required: bool,
    /// Whether its values are kept out of messages.
    pub secret: bool,
    /// Whether it may be given more than once.
    pub repeated: bool,
    /// One line for people.
    pub help: String,
}

/// Checks the options `given` to the plugin called `plugin` against those it declares, fills in defaults
/// and normalises numbers and booleans. In the order of declaration; a list repeats its key. Files are opened, to see
/// whether they can be read.
///
/// # Errors
/// The first option that does not fit.
pub fn validate(
    plugin: &str,
    specs: &[OptionSpec],
    given: &[(String, String)],
) -> Result<Vec<(String, String)>, OptionError> {
    let fail = |key: &str, fault| {
        Err(OptionError {
            plugin: plugin.to_owned(),
            key: shortened(key).into_owned(),
            fault,
        })
    };
    if let [(key, _), ..] = given
        && given.len() > MAX_VALUES
    {
        let count = given.len();
        return fail(key, OptionFault::TooMany { count });
    }
    if let Some((key, value)) = given.iter().find(|(_, value)| value.len() > MAX_VALUE) {
        let bytes = value.len();
        return fail(key, OptionFault::TooLong { bytes });
    }
    if let Some((key, _)) = given
        .iter()
        .find(|(key, _)| specs.iter().all(|spec| spec.key != *key))
    {
        return fail(key, unknown(specs, key));
    }
    let mut settings = Vec::new();
    for spec in specs {
        let values = given.iter().filter(|(key, _)| *key == spec.key);
        let values: Vec<_> = values.map(|(_, value)| value.as_str()).collect();
        match spec.values(&values) {
            Ok(values) => {
                settings.extend(values.into_iter().map(|value| (spec.key.clone(), value)))
            }
            Err(fault) => return fail(&spec.key, fault),
        }
    }
    Ok(settings)
}

impl OptionSpec {
    /// The values a plugin is given; files among them can be read.
    fn values(&self, given: &[&str]) -> Result<Vec<String>, OptionFault> {
        let values = self.normalise(given)?;
        if self.kind == OptionKind::File {
            for path in &values {
                read_file(path).map_err(|cause| OptionFault::File {
                    path: (!self.secret).then(|| path.clone()),
                    cause: cause.to_string(),
                })?;
            }
        }
        Ok(values)
    }

    /// The values a plugin is given in place of those the user gave.
    fn normalise(&self, given: &[&str]) -> Result<Vec<String>, OptionFault> {
        let (kind, shown) = (self.kind, |value: &str| {
            (!self.secret).then(|| value.to_owned())
        });
        match (given, &self.default) {
            ([], Some(default)) => match kind.normalise(default) {
                Some(value) => Ok(vec![value]),
                None => Err(OptionFault::Default {
                    value: shown(default),
                    kind,
                }),
            },
            ([], None) if self.required => Err(OptionFault::Missing {
                help: self.help.clone(),
                secret: self.secret,
            }),
            ([_, _, ..], _) if !self.repeated => Err(OptionFault::Repeated),
            (values, _) => values
                .iter()
                .map(|&value| {
                    let fault = || OptionFault::Value {
                        value: shown(value),
                        kind,
                    };
                    kind.normalise(value).ok_or_else(fault)
                })
                .collect(),
        }
    }
}

/// Opens what must be a regular file: a pipe could block, and be empty for the next component.
fn read_file(path: &str) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path).map(drop)
}

fn unknown(specs: &[OptionSpec], key: &str) -> OptionFault {
    let keys = specs.iter().map(|spec| spec.key.as_str());
    OptionFault::Unknown {
        similar: similar(keys, &shortened(key)).map(str::to_owned),
        known: specs.iter().map(|spec| spec.key.clone()).collect(),
    }
}
