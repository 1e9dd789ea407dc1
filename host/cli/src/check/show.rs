//! What a check prints: a table as it fills, or one JSON object.
use super::Subject;
use super::definition::Check;
use super::ladder::Seen;
use super::outcome::{Fault, Objection};
use super::progress::Progress;
use super::row::Row;
use super::table;
use crate::stdio;
use anstyle::{AnsiColor, Style};
use handclasp::plugin::vet;
use serde_json::{Value, json};
use std::io::Write as _;

pub(super) struct Show {
    json: bool,
    file: String,
    /// Id and version, if the file tells them.
    plugin: Option<(String, String)>,
    warning: Option<String>,
    progress: Progress,
    /// What is done, and not printed before all that stands above it.
    rows: Vec<Option<Row>>,
    printed: usize,
}

const DIM: Style = Style::new().dimmed();
const GOOD: Style = coloured(AnsiColor::Green);
const BAD: Style = coloured(AnsiColor::Red);
const WARN: Style = coloured(AnsiColor::Yellow);

const fn coloured(colour: AnsiColor) -> Style {
    Style::new()
        .fg_color(Some(anstyle::Color::Ansi(colour)))
        .bold()
}

/// Columns of what stands before a sentence.
const INDENT: usize = 27;
/// Most checks that are skipped for one reason and named.
const MAX_NAMES: usize = 12;
/// Columns of what stands before a ladder, which is wide.
const LADDER: usize = 2;

impl Show {
    pub(super) fn new(subject: &Subject, checks: &[&'static Check], json: bool) -> Self {
        Self {
            json,
            file: subject.file.display().to_string(),
            plugin: vet(&subject.file)
                .ok()
                .map(|found| (found.id, found.version)),
            warning: None,
            progress: Progress::new(checks),
            rows: checks.iter().map(|_| None).collect(),
            printed: 0,
        }
    }

    pub(super) fn warn(&mut self, warning: &str) {
        if !self.json {
            // Where nobody reads, the outcome still tells.
            let _ = writeln!(anstream::stderr(), "{WARN}warning:{WARN:#} {warning}");
        }
        self.warning = Some(warning.to_owned());
    }

    pub(super) fn started(&mut self, place: usize) {
        self.progress.started(place);
    }

    pub(super) fn done(&mut self, place: usize, row: Row) {
        self.progress.done(place);
        self.rows[place] = Some(row);
        while let Some(row) = self.rows.get_mut(self.printed).and_then(Option::take) {
            self.printed += 1;
            self.progress.clear();
            if !self.json {
                print(&row);
            }
        }
    }

    pub(super) fn tick(&mut self) {
        self.progress.show();
    }

    /// Prints what the table comes to, or all of the JSON. Returns whether the plugin keeps the contract.
    pub(super) fn verdict(&mut self, rows: &[Row]) -> bool {
        self.progress.clear();
        let counts = Counts::of(rows);
        if self.json {
            stdio::say(self.as_json(rows, &counts));
        } else {
            self.sum_up(rows, &counts);
        }
        counts.findings == 0
    }

    fn sum_up(&self, rows: &[Row], counts: &Counts) {
        for (why, names) in skipped(rows) {
            let names = match names.len() {
                ..=MAX_NAMES => names.join(", "),
                many => format!("{many} checks"),
            };
            stdio::say(format_args!(
                "{DIM}{:<8}{DIM:#} {names}: because {why}",
                "skipped"
            ));
        }
        stdio::say("");
        for row in rows {
            if let Some(fault) = fault_of(row) {
                let (result, name) = (result_of(row), row.check.name);
                let style = style_of(row);
                stdio::say(format_args!(
                    "{style}{result:<8}{style:#} {name:<17} {}",
                    fault.what
                ));
            }
        }
        let name = match &self.plugin {
            Some((id, version)) => format!("{id} {version}"),
            None => self.file.clone(),
        };
        let Counts { ok, skipped, .. } = counts;
        let all = table::names().len();
        let mut count = format!("{ok} ok, {skipped} skipped");
        let (style, mut verdict) = match counts.findings {
            // What was not run may be broken.
            0 if rows.len() < all => {
                count = format!("{skipped} skipped");
                (GOOD, format!("{ok} of {all} checks ok"))
            }
            0 => (GOOD, "keeps the contract".to_owned()),
            1 => (BAD, "does not keep the contract: 1 finding".to_owned()),
            more => (BAD, format!("does not keep the contract: {more} findings")),
        };
        match counts.warnings {
            0 => {}
            1 => verdict += ", 1 warning",
            more => verdict += &format!(", {more} warnings"),
        }
        stdio::say(format_args!("{name} {style}{verdict}{style:#} ({count})"));
    }

    fn as_json(&self, rows: &[Row], counts: &Counts) -> Value {
        let plugin = self
            .plugin
            .as_ref()
            .map(|(id, version)| json!({"id": id, "version": version}));
        let checks: Vec<Value> = rows.iter().map(as_json).collect();
        json!({
            "file": self.file,
            "plugin": plugin,
            "verdict": verdict(rows, counts),
            "ok": counts.ok,
            "findings": counts.findings,
            "warnings": counts.warnings,
            "skipped": counts.skipped,
            "warning": self.warning,
            "checks": checks,
        })
    }
}

/// What is not run may be broken: without a finding a part of the checks is no clean plugin.
fn verdict(rows: &[Row], counts: &Counts) -> &'static str {
    match counts.findings {
        0 if rows.len() < table::names().len() => "partial",
        0 => "clean",
        _ => "findings",
    }
}

struct Counts {
    ok: usize,
    findings: usize,
    warnings: usize,
    skipped: usize,
}

impl Counts {
    fn of(rows: &[Row]) -> Self {
        let count = |result: &str| rows.iter().filter(|row| result_of(row) == result).count();
        Self {
            ok: count("ok"),
            findings: count("finding"),
            warnings: count("warning"),
            skipped: count("skipped"),
        }
    }
}

fn result_of(row: &Row) -> &'static str {
    match row.outcome {
        Ok(()) => "ok",
        Err(Objection::Finding(_)) => "finding",
        Err(Objection::Warning(_)) => "warning",
        Err(Objection::Skip(_) | Objection::Usage(_)) => "skipped",
    }
}

fn style_of(row: &Row) -> Style {
    match row.outcome {
        Ok(()) => GOOD,
        Err(Objection::Finding(_)) => BAD,
        Err(Objection::Warning(_)) => WARN,
        Err(Objection::Skip(_) | Objection::Usage(_)) => DIM,
    }
}

fn fault_of(row: &Row) -> Option<&Fault> {
    row.outcome.as_ref().err().and_then(Objection::fault)
}

/// The checks that were skipped, by their reasons.
fn skipped(rows: &[Row]) -> Vec<(&str, Vec<&str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        let Err(Objection::Skip(why)) = &row.outcome else {
            continue;
        };
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, names)) => names.push(row.check.name),
            None => reasons.push((why, vec![row.check.name])),
        }
    }
    reasons
}

/// What was skipped is told of at the end.
fn print(row: &Row) {
    if let Err(Objection::Skip(_) | Objection::Usage(_)) = row.outcome {
        return;
    }
    let (result, style, check) = (result_of(row), style_of(row), row.check);
    stdio::say(format_args!(
        "{style}{result:<8}{style:#} {:<17} {}",
        check.name, check.sentence
    ));
    let Some(fault) = fault_of(row) else {
        return;
    };
    stdio::say(format_args!(
        "{:INDENT$}{style}found:{style:#} {}",
        "", fault.what
    ));
    if let Some(remedy) = remedy(row, fault) {
        stdio::say(format_args!("{:INDENT$}{DIM}remedy:{DIM:#} {remedy}", ""));
    }
    if let Some(seen) = &row.seen {
        stdio::say(format_args!(
            "{:INDENT$}{DIM}again:{DIM:#} {}",
            "",
            again(row, seen)
        ));
        for line in &seen.ladder {
            stdio::say(format_args!("{:LADDER$}{DIM}{line}{DIM:#}", ""));
        }
    }
}

/// What to do about it, unless what is found says so.
fn remedy<'a>(row: &Row, fault: &'a Fault) -> Option<&'a str> {
    let remedy = fault.remedy.as_deref().unwrap_or(row.check.remedy);
    Some(remedy).filter(|remedy| !remedy.is_empty())
}

/// What to add to the command line.
fn again(row: &Row, seen: &Seen) -> String {
    format!("--only {} --seed {}", row.check.name, seen.seed)
}

fn as_json(row: &Row) -> Value {
    let mut value = json!({
        "name": row.check.name,
        "result": result_of(row),
        "sentence": row.check.sentence,
    });
    if let Some(fault) = fault_of(row) {
        value["found"] = fault.what.as_str().into();
        value["remedy"] = remedy(row, fault).into();
    }
    if let Some(seen) = &row.seen {
        value["seed"] = seen.seed.into();
        value["again"] = again(row, seen).into();
        value["ladder"] = seen.ladder.clone().into();
    }
    if let Err(Objection::Skip(why) | Objection::Usage(why)) = &row.outcome {
        value["because"] = why.as_str().into();
    }
    value["ms"] = u64::try_from(row.took.as_millis())
        .unwrap_or(u64::MAX)
        .into();
    value
}
