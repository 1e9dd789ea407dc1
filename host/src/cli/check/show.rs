//! What a check prints: a table as it fills, or one JSON object.
use super::Subject;
use super::board::Row;
use super::outcome::Objection;
use super::progress::Progress;
use super::table::Check;
use anstyle::{AnsiColor, Style};
use handclasp::plugin::vet;
use serde_json::{Value, json};

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
            anstream::eprintln!("{WARN}warning:{WARN:#} {warning}");
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

    /// Prints the last line, or all of the JSON. Answers whether nothing was found.
    pub(super) fn verdict(&mut self, rows: &[Row]) -> bool {
        self.progress.clear();
        let count = |result: &str| rows.iter().filter(|row| result_of(row) == result).count();
        let (ok, findings, skipped) = (count("ok"), count("finding"), count("skipped"));
        let clean = findings == 0;
        if self.json {
            let plugin = self
                .plugin
                .as_ref()
                .map(|(id, version)| json!({"id": id, "version": version}));
            let checks: Vec<Value> = rows.iter().map(as_json).collect();
            let report = json!({
                "file": self.file,
                "plugin": plugin,
                "verdict": if clean { "clean" } else { "findings" },
                "ok": ok,
                "findings": findings,
                "skipped": skipped,
                "warning": self.warning,
                "checks": checks,
            });
            anstream::println!("{report}");
            return clean;
        }
        let name = match &self.plugin {
            Some((id, version)) => format!("{id} {version}"),
            None => self.file.clone(),
        };
        let (style, verdict) = match findings {
            0 => (GOOD, "keeps the contract".to_owned()),
            1 => (BAD, "does not keep the contract: 1 finding".to_owned()),
            more => (BAD, format!("does not keep the contract: {more} findings")),
        };
        anstream::println!("\n{name} {style}{verdict}{style:#} ({ok} ok, {skipped} skipped)");
        clean
    }
}

fn result_of(row: &Row) -> &'static str {
    match row.outcome {
        Ok(()) => "ok",
        Err(Objection::Finding { .. }) => "finding",
        Err(Objection::Skip(_) | Objection::Usage(_)) => "skipped",
    }
}

fn print(row: &Row) {
    let (result, check) = (result_of(row), row.check);
    let line = |style: Style, text: &str| {
        anstream::println!("{style}{result:<8}{style:#} {:<17} {text}", check.name);
    };
    match &row.outcome {
        Ok(()) => line(GOOD, check.sentence),
        Err(Objection::Finding { what, .. }) => {
            line(BAD, check.sentence);
            anstream::println!("{:INDENT$}{BAD}found:{BAD:#} {what}", "");
            anstream::println!("{:INDENT$}{DIM}remedy:{DIM:#} {}", "", remedy(row));
        }
        Err(Objection::Skip(why)) => line(DIM, &format!("because {why}")),
        Err(Objection::Usage(_)) => {} // the command ends with it
    }
}

fn remedy(row: &Row) -> &str {
    match &row.outcome {
        Err(Objection::Finding {
            remedy: Some(remedy),
            ..
        }) => remedy,
        _ => row.check.remedy,
    }
}

fn as_json(row: &Row) -> Value {
    let mut value = json!({
        "name": row.check.name,
        "result": result_of(row),
        "sentence": row.check.sentence,
    });
    match &row.outcome {
        Ok(()) => {}
        Err(Objection::Finding { what, .. }) => {
            value["found"] = what.as_str().into();
            value["remedy"] = remedy(row).into();
        }
        Err(Objection::Skip(why) | Objection::Usage(why)) => value["because"] = why.as_str().into(),
    }
    value["ms"] = u64::try_from(row.took.as_millis())
        .unwrap_or(u64::MAX)
        .into();
    value
}
