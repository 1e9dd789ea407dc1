//! The first session of a process: its plugin is found, copied, hashed, mapped and used for the first time.
use super::figure::{Figure, Target};
use super::sessions::Sessions;
use super::setup::{NO_HANDSHAKE, PLUGIN};
use super::show;
use super::side::median;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::stdio;
use std::env;
use std::process::{Command, Stdio};

/// How many processes are started.
const PROCESSES: usize = 20;
/// The option that makes a process one of them.
pub(super) const OPTION: &str = "first-session";

/// Is one of those processes: says how many nanoseconds it took, by the clock and of CPU time.
pub(super) fn run(plugins: &PluginArgs, plugin: &'static str) -> Result<(), Failed> {
    let sessions = Sessions::unloaded(plugins, plugin, 1)?;
    let (wall, cpu) = sessions.one().map_err(Failed::new)?;
    stdio::say(format_args!("{} {}", wall.as_nanos(), cpu.as_nanos()));
    Ok(())
}

/// Milliseconds by the clock and of CPU time, each the median.
pub(super) fn milliseconds(plugin: &str) -> Result<(f64, f64), String> {
    // The first one may be the one that fills the cache of scans.
    start(plugin)?;
    let taken: Result<Vec<_>, _> = (0..PROCESSES).map(|_| start(plugin)).collect();
    let (wall, cpu) = taken?.into_iter().unzip();
    Ok((median(wall) / 1e6, median(cpu) / 1e6))
}

/// Another process of this very command, with the same arguments.
fn start(plugin: &str) -> Result<(f64, f64), String> {
    let program = env::current_exe().map_err(|error| format!("no other process: {error}"))?;
    let output = Command::new(program)
        .args(env::args_os().skip(1))
        .arg(format!("--{OPTION}={plugin}"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("no other process: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers = said.trim().split_once(' ');
    let numbers = numbers.and_then(|(wall, cpu)| Some((wall.parse().ok()?, cpu.parse().ok()?)));
    numbers.ok_or_else(|| format!("another process of this command failed ({})", output.status))
}

/// The row of it.
pub(super) fn figure() -> Figure {
    show::progress("the first session of a process");
    let measured = milliseconds(PLUGIN);
    let note = match (&measured, milliseconds(NO_HANDSHAKE)) {
        (Ok((_, cpu)), Ok((bare, _))) => format!(
            "by the clock, the median of 20 processes; {cpu:.1} ms of it is CPU time; with plugin none: {bare:.1} ms. \
             The library is found, copied, hashed and mapped meanwhile; that it can be opened is known from the cache"
        ),
        (_, Err(reason)) => reason,
        _ => String::new(),
    };
    Figure {
        name: "session_first",
        what: "first session of a process",
        unit: "ms",
        host: measured.map(|(wall, _)| wall),
        baseline: None,
        target: Target::AtMost(5.0),
        note,
    }
}
