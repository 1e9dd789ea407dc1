//! `handclasp check`: whether a plugin keeps the contract, for those who write one.
//!
//! Every check is one sentence about the plugin (`definition`, `table`, `checks`). Some read the file; the others call the
//! plugin, each in a process of its own (`child`, `run_check`, `probe`), where two instances shake hands over a network that
//! exists only in memory and, as a rule, in virtual time (`peers`). So whatever the plugin does, a crash, a hang,
//! `exit()`, is a finding and not the end.
mod board;
mod budget;
#[cfg(target_os = "linux")]
mod capture;
mod checks;
mod child;
mod definition;
mod forged;
mod heard;
mod invented;
mod ladder;
mod limits;
mod meter;
mod notes;
mod outcome;
mod peers;
mod probe;
mod progress;
mod row;
mod run_check;
mod sanitizer;
mod show;
mod table;
mod valgrind;

use super::completions::plugin_id_or_file;
use super::exit::Failed;
use super::option_args::OptionArgs;
use super::plugin_args::{PluginArgs, id_of};
use board::Board;
use checks::file::Library;
use child::Children;
use clap::Args;
use handclasp::plugin::Scratch;
use outcome::Objection;
use sanitizer::Sanitizer;
use show::Show;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

pub(super) use probe::RunCheck;

/// Check whether a plugin keeps the contract: its file, and what it does when it is called.
///
/// Runs the plugin's code, in processes of its own. An option that is required and not given gets a made-up value. Exit code 0 if nothing was found, 1 if something was, 2 if the
/// command line does not suit the plugin.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The plugin: its file, or its id (see `handclasp plugins list`)
    #[arg(value_name = "FILE|ID", add = plugin_id_or_file())]
    file: PathBuf,
    #[command(flatten)]
    plugins: PluginArgs,
    #[command(flatten)]
    options: OptionArgs,
    /// Only this check, and those it needs (repeatable)
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Run the plugin under Valgrind, and do less of everything; one built with gcc's -fsanitize=address runs under
    /// that by itself
    #[arg(long)]
    sanitize: bool,
    /// Decides what the network does, and what noise consists of: a finding names the one to see it again with
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of a table; its `verdict` is `clean`, `findings`, or `partial`: nothing was found, and
    /// not all checks were asked for
    #[arg(long)]
    json: bool,
    /// How long a call into the plugin may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), hide = true)]
    patience: u64,
}

/// What is checked.
struct Subject {
    file: PathBuf,
    options: Vec<(String, String)>,
    seed: u64,
}

/// Something was found.
const FINDINGS: u8 = 1;

impl Check {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let file = match id_of(&self.file).filter(|_| !self.file.is_file()) {
            Some(id) => {
                let catalogue = self.plugins.search_path()?.scan();
                catalogue.find(id)?.path.clone()
            }
            None => self.file.clone(),
        };
        let library = Library::read(file.clone()).map_err(|error| {
            let file = file.display();
            Failed::usage(format!(
                "cannot read {file} ({error}): name a plugin's library"
            ))
        })?;
        let checks = table::select(&self.only).map_err(|name| {
            let names = table::names().join(", ");
            Failed::usage(format!("there is no check {name:?}: there are {names}"))
        })?;
        let directory = Scratch::new().map_err(|error| {
            Failed::new(format!(
                "no private directory can be made in {} ({error}): set TMPDIR to a directory that this user may \
                 write to, and no other",
                std::env::temp_dir().display()
            ))
        })?;
        let subject = Subject {
            file: std::path::absolute(&file).map_err(Failed::new)?,
            options: self.options.given()?,
            seed: self.seed,
        };
        let sanitizer = Sanitizer::find(&library, self.sanitize);
        let mut show = Show::new(&subject, &checks, self.json);
        if self.sanitize && sanitizer.is_none() {
            show.warn("Valgrind is not installed, so this check does without it");
        }
        let children = Children {
            subject: &subject,
            program: std::env::current_exe().map_err(Failed::new)?,
            directory: directory.path(),
            sanitizer,
            patience: Duration::from_secs(self.patience),
        };
        let rows = Board::new(&checks, &library, &children).run(&mut show);
        for row in &rows {
            if let Err(Objection::Usage(sentence)) = &row.outcome {
                return Err(Failed::usage(sentence));
            }
        }
        match show.verdict(&rows) {
            true => Ok(ExitCode::SUCCESS),
            false => Ok(ExitCode::from(FINDINGS)),
        }
    }
}
