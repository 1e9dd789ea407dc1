//! `handclasp config check`.
use crate::exit::Failed;
use crate::stdio;
use clap::Args;
use handclasp::counted;
use handclasp_serve::config::{Config, ConfigError};
use handclasp_serve::trust::{Trust, TrustError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Say all that is wrong with a configuration file, each with its line and what to do.
///
/// What it names is looked at as well: secrets, certificates, public keys, plugins.lock and directories of plugins. Exit
/// code 2 if something is wrong.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = Config::DEFAULT_FILE)]
    file: PathBuf,
    /// Look at nothing that the file names: for a file of another machine
    #[arg(long)]
    syntax_only: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

struct Checked {
    errors: Vec<ConfigError>,
    left_out: usize,
    warnings: Vec<String>,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<(), Failed> {
        let checked = self.check();
        match self.json {
            true => stdio::say(checked.as_json(&self.file)),
            false => checked.print(&self.file),
        }
        match checked.errors.len() + checked.left_out {
            0 => Ok(()),
            count => Err(Failed::usage(format!(
                "{} cannot be used: {} in it or in what it names",
                self.file.display(),
                counted(count as u64, "fault")
            ))),
        }
    }

    fn check(&self) -> Checked {
        let mut checked = Checked {
            errors: Vec::new(),
            left_out: 0,
            warnings: Vec::new(),
        };
        match Config::load(&self.file) {
            Err(errors) => checked.add(errors.iter(), errors.left_out()),
            Ok(config) => {
                checked.warnings = config.warnings().to_vec();
                if self.syntax_only {
                    return checked;
                }
                if let Err(errors) = config.check_files() {
                    checked.add(errors.iter(), errors.left_out());
                }
                if let Err(error) = Trust::load(&config) {
                    checked.errors.push(untrusted(&self.file, &error));
                }
            }
        }
        checked
    }
}

/// What the configuration names and cannot be used.
fn untrusted(file: &Path, error: &TrustError) -> ConfigError {
    let key = match error {
        TrustError::Keys(_) => "plugins.keys",
        _ => "plugins.lock",
    };
    ConfigError {
        file: file.to_owned(),
        place: None,
        key: Some(key.to_owned()),
        sentence: error.to_string(),
    }
}

impl Checked {
    fn add<'a>(&mut self, errors: impl Iterator<Item = &'a ConfigError>, left_out: usize) {
        self.errors.extend(errors.cloned());
        self.left_out += left_out;
    }

    fn print(&self, file: &Path) {
        self.errors.iter().for_each(stdio::say);
        for warning in &self.warnings {
            stdio::say(format_args!("{}: warning: {warning}", file.display()));
        }
        if self.errors.is_empty() {
            stdio::say(format_args!("{}: good", file.display()));
        }
    }

    fn as_json(&self, file: &Path) -> Value {
        let errors = self.errors.iter().map(|error| {
            let (line, column) = error.place.unzip();
            json!({
                "file": error.file,
                "line": line,
                "column": column,
                "key": error.key,
                "error": error.sentence,
            })
        });
        json!({
            "file": file,
            "good": self.errors.is_empty(),
            "errors": errors.collect::<Vec<_>>(),
            "left_out": self.left_out,
            "warnings": self.warnings,
        })
    }
}
