//! `handclasp plugins`: what there is, and what each says of itself.
mod explain;
mod inspect;
mod list;
mod lock;
mod usable;

use super::exit::Failed;
use anstyle::Style;
use clap::{Args, Subcommand};
use handclasp::plugin::{Description, OptionKind, OptionSpec};
use serde_json::{Value, json};

/// List plugins, show all that one says of itself, or say which may be used.
#[derive(Debug, Args)]
pub(super) struct Plugins {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Inspect(inspect::Inspect),
    Lock(lock::Lock),
}

impl Plugins {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::List(list) => list.run(),
            Command::Inspect(inspect) => inspect.run(),
            Command::Lock(lock) => lock.run(),
        }
    }
}

const HEADING: Style = Style::new().bold();

fn kind(kind: OptionKind) -> &'static str {
    match kind {
        OptionKind::String => "string",
        OptionKind::Integer => "integer",
        OptionKind::Boolean => "boolean",
        OptionKind::File => "file",
    }
}

fn options_as_json(said: &Description) -> Value {
    let option = |option: &OptionSpec| {
        json!({
            "key": option.key,
            "type": kind(option.kind),
            "default": if option.secret { None } else { option.default.as_ref() },
            "required": option.required,
            "secret": option.secret,
            "repeated": option.repeated,
            "help": option.help,
        })
    };
    said.options.iter().map(option).collect()
}

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
