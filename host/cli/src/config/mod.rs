//! `handclasp config`: the settings of the daemon.
mod check;

use super::exit::Failed;
use super::stdio;
use clap::{Args, Subcommand};
use handclasp_serve::config::Config;

/// Check the daemon's settings, or show all there are.
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckConfig),
    Example(Example),
}

/// Write a configuration file with every key, what it is for, and its default, to standard output.
#[derive(Debug, Args)]
struct Example {}

impl ConfigCommand {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Example(Example {}) => {
                stdio::say(Config::example().trim_end());
                Ok(())
            }
        }
    }
}
