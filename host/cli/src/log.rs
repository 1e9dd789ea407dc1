//! What goes to standard error. Nobody waits for whoever reads it, and nothing fails where it cannot be written.
mod rate_limit;

use anstream::{AutoStream, ColorChoice};
use handclasp::{Spool, counted};
use rate_limit::RateLimit;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer, fmt};

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
/// How often a reader that is behind is looked after, where writing does not wait for it.
const GLANCE: Duration = Duration::from_millis(20);

static SPOOL: OnceLock<Spool> = OnceLock::new();
static RATE_LIMIT: OnceLock<RateLimit> = OnceLock::new();

/// From now on, what is logged goes to standard error, and panics do. Without a thread for it nothing is logged.
pub(super) fn start() {
    let Ok(spool) = standard_error().and_then(|mut stderr| {
        let write = move |lines: &[u8], dropped| stderr.write(lines, dropped);
        Spool::start("handclasp-stderr", CAPACITY, write)
    }) else {
        return;
    };
    let spool = SPOOL.get_or_init(|| spool);
    let limit = RATE_LIMIT.get_or_init(|| RateLimit::new(spool));
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let filter = EnvFilter::try_new(directives(&asked));
    let refused = filter.as_ref().err().map(ToString::to_string);
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    tracing_subscriber::registry()
        .with(NoPasswords)
        .with(filter.unwrap_or_else(|_| EnvFilter::new(QUIET)))
        .with(limit)
        .with(fmt::layer().with_ansi(colour).with_writer(|| Line(spool)))
        .init();
    std::panic::set_hook(Box::new(tell_panic));
    if let Some(error) = refused {
        tracing::warn!(
            "{VARIABLE} is not understood ({error}): give a level, or TARGET=LEVEL, separated by commas"
        );
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
    match SPOOL.get() {
        Some(spool) => spool.push_last(&[&plain]),
        None => drop(io::stderr().write_all(&[&plain[..], b"\n"].concat())),
    }
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
    spool.push_last(&[text.as_bytes()]);
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

/// Standard error, without the lock that the standard library holds while it writes.
struct StandardError {
    file: File,
    /// Lines that were not written, and not told of yet.
    lost: u64,
}

fn standard_error() -> io::Result<StandardError> {
    #[cfg(unix)]
    let owned = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&io::stderr()).try_clone_to_owned()?;
    Ok(StandardError {
        file: File::from(owned),
        lost: 0,
    })
}

impl StandardError {
    /// What cannot be written is counted, which is told once something can.
    fn write(&mut self, lines: &[u8], dropped: u64) -> ControlFlow<()> {
        if self
            .tell_lost()
            .and_then(|()| self.write_all(lines))
            .is_err()
        {
            self.lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.lost += dropped;
        // If it cannot be told now, then with the next lines.
        let _ = self.tell_lost();
        ControlFlow::Continue(())
    }

    fn tell_lost(&mut self) -> io::Result<()> {
        if self.lost > 0 {
            let lost = self.lost;
            let sentence = format!(
                "{} missing here: standard error was not read, or was full\n",
                counted(lost, "line")
            );
            self.write_all(sentence.as_bytes())?;
            self.lost = 0;
        }
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process has made it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GLANCE),
                Err(error) => return Err(error),
            }
        }
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

    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_written_is_told_once_something_can() {
        let (mut reader, writer) = io::pipe().expect("there are files left");
        let full = File::options().write(true).open("/dev/full");
        let mut stderr = StandardError {
            file: full.expect("Linux has it"),
            lost: 0,
        };
        let _ = stderr.write(b"one\ntwo\n", 3);
        let _ = stderr.write(b"three\n", 0);
        stderr.file = File::from(std::os::fd::OwnedFd::from(writer));
        let _ = stderr.write(b"four\n", 0);
        let _ = stderr.write(b"five\n", 2);
        drop(stderr);
        let told = io::read_to_string(&mut reader).expect("it is text");
        let missing = |count| {
            format!("{count} lines missing here: standard error was not read, or was full\n")
        };
        assert_eq!(told, missing(6) + "four\nfive\n" + &missing(2));
    }
}
