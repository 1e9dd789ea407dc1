//! `handclasp generate`: what `make install` puts beside the program, from the same definitions as `--help`.
use super::completions;
use super::exit::Failed;
use super::manual;
use clap::{Args, Command};
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

/// Shells, and the directories and names of the files below a prefix where they look for completions.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    ("bash", "share/bash-completion/completions", "handclasp"),
    ("zsh", "share/zsh/site-functions", "_handclasp"),
    ("fish", "share/fish/vendor_completions.d", "handclasp.fish"),
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
    for (shell, directory, file) in COMPLETIONS {
        let script = completions::script(shell, NAME)?;
        Directory::make(&prefix.join(directory))?.replace(file, &script)?;
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
