//! What the command prints.
use super::figure::{Figure, Target};
use crate::stdio;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::io::Write as _;

const DIM: Style = Style::new().dimmed();
const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const BAD: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)))
    .bold();

/// Says what takes a while now.
pub(super) fn progress(what: &str) {
    let _ = writeln!(anstream::stderr(), "{DIM}measuring {what}{DIM:#}");
}

pub(super) fn figures(figures: &[Figure], core: usize, json: bool) {
    if json {
        for figure in figures {
            stdio::say(as_json(figure));
        }
        stdio::say(summary(figures, core));
    } else {
        table(figures, core);
    }
}

fn as_json(figure: &Figure) -> Value {
    let known = |figure: &Result<f64, String>| figure.as_ref().ok().copied().map(rounded);
    let (value_is, target_is, target) = match figure.target {
        Target::RatioAtLeast(target) => ("ratio", "at_least", target),
        Target::TimesAtMost(target) => ("times", "at_most", target),
        Target::MoreAtMost(target) => ("difference", "at_most", target),
        Target::AtMost(target) => ("host", "at_most", target),
    };
    json!({
        "event": "bench_figure",
        "name": figure.name,
        "unit": figure.unit,
        "host": known(&figure.host),
        "baseline": figure.baseline.as_ref().and_then(known),
        "value": figure.value().ok().map(rounded),
        "value_is": value_is,
        "target": target,
        "target_is": target_is,
        "met": figure.is_met(),
        "note": figure.value().err().unwrap_or(&figure.note),
    })
}

fn summary(figures: &[Figure], core: usize) -> Value {
    let that_are = |met| figures.iter().filter(|f| f.is_met() == met).count();
    json!({
        "event": "bench_done",
        "figures": figures.len(),
        "met": that_are(Some(true)),
        "missed": that_are(Some(false)),
        "unmeasured": that_are(None),
        "core": core,
    })
}

/// To a thousandth: what lies below is noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn table(figures: &[Figure], core: usize) {
    let width = figures.iter().map(|f| f.what.len()).max().unwrap_or(0);
    stdio::say(format_args!(
        "{:width$}  {:>19}  {:>19}  {:>8}  target",
        "", "Handclasp", "compared with", "result"
    ));
    for figure in figures {
        let number = |number: &Result<f64, String>| match number {
            Ok(number) => format!("{number:.1} {}", figure.unit),
            Err(_) => "not measured".to_owned(),
        };
        let baseline = figure.baseline.as_ref().map_or_else(String::new, number);
        let (result, target) = result(figure);
        let (style, verdict) = match figure.is_met() {
            Some(true) => (GOOD, "met"),
            Some(false) => (BAD, "missed"),
            None => (DIM, "unknown"),
        };
        stdio::say(format_args!(
            "{:width$}  {:>19}  {baseline:>19}  {result:>8}  {target}: {style}{verdict}{style:#}",
            figure.what,
            number(&figure.host),
        ));
    }
    stdio::say(format_args!(
        "\nOn core {core}, by CPU time unless a line says otherwise, all sides in turns:"
    ));
    for figure in figures {
        let note = figure.value().err().unwrap_or(&figure.note);
        stdio::say(format_args!("{DIM}- {}: {note}{DIM:#}", figure.what));
    }
}

fn result(figure: &Figure) -> (String, String) {
    let value = figure.value();
    match figure.target {
        Target::RatioAtLeast(least) => (
            value.map_or_else(dash, |ratio| format!("{ratio:.2}")),
            format!("at least {least:.2}"),
        ),
        Target::TimesAtMost(most) => (
            value.map_or_else(dash, |times| format!("{times:.2}")),
            format!("at most {most:.2}"),
        ),
        Target::MoreAtMost(most) => (
            value.map_or_else(dash, |more| format!("{more:+.1}")),
            format!("at most +{most:.1}"),
        ),
        Target::AtMost(most) => (
            value.map_or_else(dash, |value| format!("{value:.1}")),
            format!("at most {most:.1}"),
        ),
    }
}

fn dash(_unknown: &str) -> String {
    "-".to_owned()
}
