//! `handclasp generate`: what `make install` puts beside the program, from the same definitions as `--help`.
use super::exit::Failed;
use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Write the manual pages and the shells' completions below a prefix, where each looks for them.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Generate {
    /// As `make install` has it, DESTDIR included
    prefix: PathBuf,
}

/// The directories below a prefix where shells look for completions.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions"),
    (Shell::Zsh, "share/zsh/site-functions"),
    (Shell::Fish, "share/fish/vendor_completions.d"),
];

impl Generate {
    pub(super) fn run(self, command: Command) -> Result<(), Failed> {
        // A page for each form of `help` would tell nothing.
        let command = command.disable_help_subcommand(true);
        write(&self.prefix, command).map_err(|error| {
            let prefix = self.prefix.display();
            Failed::new(format!(
                "what belongs below {prefix} cannot be written there ({error}): give a prefix that is yours to write"
            ))
        })
    }
}

fn write(prefix: &Path, command: Command) -> io::Result<()> {
    let mut completed = without_hidden(&command);
    for (shell, place) in COMPLETIONS {
        let directory = prefix.join(place);
        fs::create_dir_all(&directory)?;
        let file = clap_complete::generate_to(shell, &mut completed, "handclasp", &directory)?;
        // Bash looks for a file of the command's own name.
        if shell == Shell::Bash {
            fs::rename(file, directory.join("handclasp"))?;
        }
    }
    let manual = prefix.join("share/man/man1");
    fs::create_dir_all(&manual)?;
    clap_mangen::generate_to(command, manual)
}

/// What a person types: completions would offer hidden subcommands too.
fn without_hidden(command: &Command) -> Command {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    Command::new("handclasp")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(shown)
}
