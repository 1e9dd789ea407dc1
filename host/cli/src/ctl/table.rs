//! Rows for people.
use crate::stdio;
use handclasp::printable;
use serde_json::{Map, Value};

/// Prints rows under their headings, each column as wide as it needs to be.
pub(super) fn print(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([headings[column].len()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let headings: Vec<_> = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    stdio::say(line(&headings));
    rows.iter().for_each(|row| stdio::say(line(row)));
}

/// A field as it is shown.
pub(super) fn cell(of: &Map<String, Value>, field: &str) -> String {
    match of.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => printable(text).to_string(),
        Some(other) => other.to_string(),
    }
}

/// So many seconds.
pub(super) fn duration(of: &Map<String, Value>, field: &str) -> String {
    match of.get(field).and_then(Value::as_f64) {
        None => String::new(),
        Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0} s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) => format!("{:.0} h", seconds / 3600.0),
    }
}
