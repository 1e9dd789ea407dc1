//! `handclasp generate`: what `make install` puts beside the program, from the same definitions as `--help`.
use super::exit::Failed;
use super::manual;
use clap::{Args, Command};
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use handclasp::files::Directory;
use std::io;
use std::path::{Path, PathBuf};

/// Write the manual pages and the shells' completions below a prefix, where each looks for them.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Generate {
    /// As `make install` has it, DESTDIR included
    prefix: PathBuf,
}

/// The command's.
const NAME: &str = "handclasp";

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

fn write(prefix: &Path, mut command: Command) -> io::Result<()> {
    let mut completed = without_hidden(&command);
    for (shell, place) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut completed, NAME, &mut script);
        // Bash looks for a file of the command's own name.
        let file = match shell {
            Shell::Bash => NAME.to_owned(),
            other => other.file_name(NAME),
        };
        Directory::make(&prefix.join(place))?.replace(&file, &script)?;
    }
    command.build();
    write_pages(&Directory::make(&prefix.join("share/man/man1"))?, command)
}

/// A manual page of the command, and those of its subcommands.
fn write_pages(directory: &Directory, command: Command) -> io::Result<()> {
    let mut others = Vec::new();
    for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        write_pages(directory, one.clone())?;
        others.extend(one.get_display_name().map(str::to_owned));
    }
    let is_first = command.get_name() == NAME;
    let (page, mut text) = (Man::new(command), Vec::new());
    page.render(&mut text)?;
    let others = if is_first { others.as_slice() } else { &[] };
    let sections = manual::sections(others);
    text.extend_from_slice(sections.as_bytes());
    directory.replace(&page.get_filename(), &text)
}

/// What a person types: completions would offer hidden subcommands too.
fn without_hidden(command: &Command) -> Command {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(shown)
}
