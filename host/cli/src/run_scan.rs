//! The process in which a plugin is looked at.
use clap::Args;
use handclasp::plugin::answer;
use std::path::PathBuf;
use std::process::ExitCode;

/// Opens the library on standard input and says on standard output what it says of itself; hosts start this command
/// for each library.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct RunScan {
    /// The library's name for people
    name: PathBuf,
    /// Where it can be mapped, if its descriptor is not enough
    path: Option<PathBuf>,
}

impl RunScan {
    /// Before anything else is done in this process.
    pub(super) fn run(self) -> ExitCode {
        match answer(&self.name, self.path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }
}
