//! What goes to standard error, or to the daemon's log file. Nobody waits for whoever reads it, and nothing fails where it
//! cannot be written.
//!
//! - `json`: lines for programs;
//! - `output`: where they are written to;
//! - `rate_limit`: how many there are at most;
//! - `daemon`: what its configuration wants.
#[cfg(unix)]
mod daemon;
mod json;
mod output;
mod rate_limit;

use anstream::{AutoStream, ColorChoice};
use handclasp::Spool;
use json::Json;
use output::{Output, standard_error};
use rate_limit::RateLimit;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer, fmt, reload};

/// What the manual says of it.
pub(super) const HELP: &str = "\
HANDCLASP_LOG says what is logged on standard error: a level (off, error, warn, info, debug, trace) for handclasp and \
its plugins, or TARGET=LEVEL for a part of it (handclasp::plugin) or for a crate that it is made of (is, stun_proto, \
rustls), several separated by commas; warn unless it is set. Other crates log nothing unless they \
are named, and what has a password in it is left out. Nothing waits for whoever reads the log, and each place logs \
at most 200 lines a second: what is left out is counted.";

/// What is logged is set here, by targets and levels.
const VARIABLE: &str = "HANDCLASP_LOG";
/// What is logged unless that says otherwise: of other crates nothing, for they log what any stranger sends.
const QUIET: &str = "handclasp=warn";
/// Most bytes that wait for whoever reads.
const CAPACITY: usize = 512 * 1024;
/// How long the command's end waits for whoever reads.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

static SPOOL: OnceLock<Spool> = OnceLock::new();
static RATE_LIMIT: OnceLock<RateLimit> = OnceLock::new();
/// Whether lines are JSON objects.
static IS_JSON: OnceLock<bool> = OnceLock::new();
/// Has other things logged from then on.
static SET_FILTER: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// From now on, what is logged goes to standard error, and panics do. Without a thread for it nothing is logged.
pub(super) fn start() {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    start_as(&asked, false, false, standard_error());
}

/// The same for the daemon, as its configuration wants it.
///
/// # Errors
/// Its file cannot be opened.
#[cfg(unix)]
pub(super) fn start_daemon(log: &handclasp_serve::config::Log) -> Result<(), String> {
    daemon::start(log)
}

/// The daemon's configuration was read again.
#[cfg(unix)]
pub(super) fn set_daemon(log: &handclasp_serve::config::Log) {
    daemon::set(log);
}

/// Opens the daemon's log file anew, if it has one.
#[cfg(unix)]
pub(super) fn reopen() {
    daemon::reopen();
}

fn start_as(asked: &str, is_json: bool, is_file: bool, file: io::Result<File>) {
    let Ok(spool) = file.and_then(|file| {
        let mut output = Output::new(file);
        let write = move |lines: &[u8], dropped| output.write(lines, dropped);
        Spool::start("handclasp-stderr", CAPACITY, write)
    }) else {
        return;
    };
    let _ = IS_JSON.set(is_json); // this is called once
    let spool = SPOOL.get_or_init(|| spool);
    let limit = RATE_LIMIT.get_or_init(|| RateLimit::new(spool));
    let filter = EnvFilter::try_new(directives(asked));
    let refused = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(QUIET));
    let (filter, handle) = reload::Layer::new(filter);
    let set_filter = move |filter| {
        let _ = handle.reload(filter); // it is there for as long as the process
    };
    let _ = SET_FILTER.set(Box::new(set_filter));
    let colour = !is_file && AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let text = || fmt::layer().with_ansi(colour).with_writer(|| Line(spool));
    let json = || {
        let layer = fmt::layer().with_ansi(false).event_format(Json);
        layer.with_writer(|| Line(spool))
    };
    tracing_subscriber::registry()
        .with(NoPasswords)
        .with(filter)
        .with(limit)
        .with((!is_json).then(text))
        .with(is_json.then(json))
        .init();
    std::panic::set_hook(Box::new(tell_panic));
    if let Some(error) = refused {
        tracing::warn!(
            "{VARIABLE} is not understood ({error}): give a level, or TARGET=LEVEL, separated by commas"
        );
    }
}

/// A line of the log's own, without its end.
fn own_line(level: Level, target: &str, sentence: &str) -> String {
    match IS_JSON.get() {
        Some(true) => json::line(level, target, sentence),
        _ => sentence.to_owned(),
    }
}

/// Keeps passwords of ICE and TURN out of the log, whatever is asked for: below `info`, `stun_types` logs the keys that it
/// signs with, and at `trace` the ICE core some of its events.
struct NoPasswords;

impl<S: Subscriber> Layer<S> for NoPasswords {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        !is_of(metadata, "stun_types") || *metadata.level() <= Level::INFO
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() < Level::TRACE || !is_of(event.metadata(), "is") {
            return true;
        }
        let mut said = Said(String::new());
        event.record(&mut said);
        !said.0.contains("IceCreds")
    }
}

/// Whether it is this crate that logs.
fn is_of(metadata: &Metadata<'_>, name: &str) -> bool {
    let rest = metadata.target().strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{value:?}");
    }
}

/// A last line for people, with colours for terminals, for which there is always room.
pub(super) fn say_last(line: &str) {
    let mut plain = AutoStream::new(Vec::new(), AutoStream::choice(&io::stderr()));
    let _ = plain.write_all(line.as_bytes());
    let plain = plain.into_inner();
    let tell = || drop(io::stderr().write_all(&[&plain[..], b"\n"].concat()));
    let Some(spool) = SPOOL.get() else {
        return tell();
    };
    #[cfg(unix)]
    if daemon::is_elsewhere() {
        tell();
    }
    let is_for_programs = IS_JSON.get() == Some(&true);
    let said = match is_for_programs {
        true => {
            let plain = anstream::adapter::strip_str(line).to_string();
            own_line(Level::ERROR, module_path!(), &plain).into_bytes()
        }
        false => plain,
    };
    spool.push_last(&[&said]);
}

/// Gives what was logged this time to be written.
pub(super) fn finish(patience: Duration) {
    if let Some(limit) = RATE_LIMIT.get() {
        limit.tell_all();
    }
    if let Some(spool) = SPOOL.get() {
        spool.finish(patience);
    }
}

/// Directives of [`EnvFilter`]: a level alone is for this program and its plugins, and another crate's name for that
/// crate.
fn directives(asked: &str) -> String {
    let asked = asked.split(',').map(str::trim);
    let own =
        asked
            .filter(|directive| !directive.is_empty())
            .map(|it| match it.parse::<LevelFilter>() {
                Ok(_) => format!("handclasp={it}"),
                Err(_) => it.to_owned(),
            });
    std::iter::once(QUIET.to_owned())
        .chain(own)
        .collect::<Vec<_>>()
        .join(",")
}

/// The process may end by it: it is written before, if it can be soon.
fn tell_panic(info: &PanicHookInfo<'_>) {
    let Some(spool) = SPOOL.get() else { return };
    let backtrace = Backtrace::capture();
    let mut text = info.to_string();
    if backtrace.status() == BacktraceStatus::Captured {
        text += &format!("\n{backtrace}");
    }
    let line = own_line(Level::ERROR, module_path!(), &text);
    spool.push_last(&[line.as_bytes()]);
    spool.finish(PATIENCE);
}

/// An event of `tracing`, which writes it in one piece, with its end.
struct Line(&'static Spool);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(&[line.strip_suffix(b"\n").unwrap_or(line)]);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_is_for_this_program() {
        for (asked, directives) in [
            ("", "handclasp=warn"),
            ("trace", "handclasp=warn,handclasp=trace"),
            ("is=debug, 5", "handclasp=warn,is=debug,handclasp=5"),
            ("off", "handclasp=warn,handclasp=off"),
        ] {
            assert_eq!(super::directives(asked), directives);
            let filter = EnvFilter::try_new(directives).expect("it is understood");
            assert_eq!(
                filter.to_string().matches("handclasp").count(),
                1,
                "{filter}"
            );
        }
    }
}
