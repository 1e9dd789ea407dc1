//! What every command that makes instances takes of a plugin's options.
use super::exit::Failed;
use clap::Args;
use handclasp::files;
use handclasp::plugin::OptionSpec;
use std::env::{self, VarError};
use std::fmt;
use std::io;

/// A plugin's options.
#[derive(Clone, Debug, Args)]
pub(super) struct OptionArgs {
    /// An option of the plugin (repeatable); see `handclasp plugins inspect ID`. Other users of this machine can read it,
    /// so a secret is better given by --option-file, or by the environment
    #[arg(long = "option", value_name = "KEY=VALUE")]
    values: Vec<Setting>,
    /// Read the value of a plugin's option from this file, without the end of its last line (repeatable). A secret option
    /// that is given in neither way is taken from the environment's HANDCLASP_OPTION_KEY, with its key in capitals and `_`
    /// for `-`
    #[arg(long = "option-file", value_name = "KEY=FILE")]
    files: Vec<Setting>,
}

/// The options of the demo's other peer.
#[derive(Clone, Debug, Args)]
pub(super) struct PeerOptionArgs {
    /// An option of the other peer's plugin, which takes these in place of --option and --option-file (repeatable)
    #[arg(long = "peer-option", value_name = "KEY=VALUE")]
    peer_values: Vec<Setting>,
    /// Read the value of an option of the other peer's plugin from this file (repeatable)
    #[arg(long = "peer-option-file", value_name = "KEY=FILE")]
    peer_files: Vec<Setting>,
}

/// `KEY=VALUE`. `Debug` leaves the value out: it may be a secret.
#[derive(Clone)]
struct Setting {
    key: String,
    value: String,
}

impl OptionArgs {
    /// All that are given, those of the environment if the plugin declares them as secrets.
    pub(super) fn of(&self, declared: &[OptionSpec]) -> Result<Vec<(String, String)>, Failed> {
        let mut options = self.given()?;
        add_secrets(&mut options, declared)?;
        Ok(options)
    }

    /// Those of the command line.
    pub(super) fn given(&self) -> Result<Vec<(String, String)>, Failed> {
        let values = self
            .values
            .iter()
            .cloned()
            .map(|Setting { key, value }| Ok((key, value)));
        values.chain(self.files.iter().map(Setting::read)).collect()
    }
}

impl PeerOptionArgs {
    /// These in place of `others`, if there are any.
    pub(super) fn or(&self, others: &OptionArgs) -> OptionArgs {
        match self.peer_values.is_empty() && self.peer_files.is_empty() {
            true => others.clone(),
            false => OptionArgs {
                values: self.peer_values.clone(),
                files: self.peer_files.clone(),
            },
        }
    }
}

/// Adds the secret options of the environment that are not given otherwise.
pub(super) fn add_secrets(
    options: &mut Vec<(String, String)>,
    declared: &[OptionSpec],
) -> Result<(), Failed> {
    for spec in declared.iter().filter(|spec| spec.secret) {
        if options.iter().any(|(key, _)| *key == spec.key) {
            continue;
        }
        let variable = variable(&spec.key);
        match env::var(&variable) {
            Ok(value) => options.push((spec.key.clone(), value)),
            Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => {
                return Err(Failed::usage(format!(
                    "{variable} is not UTF-8: set it to text"
                )));
            }
        }
    }
    Ok(())
}

/// Where a secret option may stand in the environment.
fn variable(key: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    let key: String = key.chars().map(letter).collect();
    format!("HANDCLASP_OPTION_{key}")
}

impl Setting {
    /// Its value is in the file that it names.
    fn read(&self) -> Result<(String, String), Failed> {
        let Self { key, value: file } = self;
        let read = files::read(file.as_ref()).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
            // Some editors begin a file with a byte order mark.
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let line = text.strip_suffix('\n').unwrap_or(text);
            Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
        });
        let value = read.map_err(|error| {
            Failed::usage(format!(
                "{file} cannot be read ({error}): name a file with the value of the option `{key}`"
            ))
        })?;
        Ok((key.clone(), value))
    }
}

impl std::str::FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
        if key.is_empty() {
            return Err("the key before `=` is missing");
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_becomes_the_name_of_a_variable() {
        assert_eq!(variable("psk"), "HANDCLASP_OPTION_PSK");
        assert_eq!(variable("private-key"), "HANDCLASP_OPTION_PRIVATE_KEY");
    }

    #[test]
    fn debug_shows_no_value() {
        let setting: Setting = "psk=swordfish".parse().expect("it is one");
        assert_eq!(format!("{setting:?}"), "psk=…");
        assert!("psk".parse::<Setting>().is_err() && "=x".parse::<Setting>().is_err());
    }
}
