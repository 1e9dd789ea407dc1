//! `handclasp plugins`: what there is, and what each says of itself.
mod inspect;
mod list;

use super::exit::Failed;
use anstyle::Style;
use clap::{Args, Subcommand};

/// List plugins, or show all that one says of itself.
#[derive(Debug, Args)]
pub(super) struct Plugins {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Inspect(inspect::Inspect),
}

impl Plugins {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::List(list) => list.run(),
            Command::Inspect(inspect) => inspect.run(),
        }
    }
}

const HEADING: Style = Style::new().bold();

/// `rows` under each other, in columns as wide as their widest text; the last one is as wide as it gets.
fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(0..);
        let line: String = cells
            .map(|(cell, column)| format!("{cell:<width$}  ", width = width(column)))
            .collect();
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
