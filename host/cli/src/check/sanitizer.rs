//! Which tool watches the plugin's memory while it is checked.
use super::checks::file::{Library, libraries};
use super::valgrind::Valgrind;
use std::path::Path;
use std::process::Command;

/// Either makes the plugin slower, and takes memory of its own.
#[derive(Debug)]
pub(super) enum Sanitizer {
    Valgrind(Valgrind),
    /// The plugin was built with AddressSanitizer, whose runtime of this name must be the first in a process.
    Address(String),
}

impl Sanitizer {
    /// What the plugin was built with, else Valgrind if it is asked for and there.
    pub(super) fn find(library: &Library, valgrind: bool) -> Option<Self> {
        match libraries::address_sanitizer(library) {
            Some(runtime) => Some(Self::Address(runtime)),
            None if valgrind => Valgrind::find().map(Self::Valgrind),
            None => None,
        }
    }

    /// What runs this program under it.
    pub(super) fn command(&self, program: &Path, directory: &Path) -> Command {
        match self {
            Self::Valgrind(valgrind) => valgrind.command(directory, program.as_os_str()),
            Self::Address(runtime) => {
                let mut command = Command::new(program);
                command.env("LD_PRELOAD", runtime);
                command
            }
        }
    }

    /// What it did not like, of a child that came to its end.
    pub(super) fn error(&self, directory: &Path) -> Option<String> {
        match self {
            Self::Valgrind(valgrind) => valgrind.error(directory),
            Self::Address(_) => None, // it ends the child
        }
    }
}
