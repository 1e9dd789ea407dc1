//! From the start of a process until a handshake is possible, with 100 plugins in the directory.
use super::baseline;
use super::figure::{Figure, Target};
use super::sessions::Sessions;
use super::setup::{PLUGIN, Setup};
use super::show;
use super::side::median;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::stdio;
use handclasp::plugin::Scratch;
use std::env::consts::DLL_EXTENSION;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// How many processes are started.
const PROCESSES: usize = 20;
/// Plugins in the directory: [`PLUGIN`], and copies of `noop` with ids of their own.
const PLUGINS: usize = 100;
/// The option that makes a process one of them.
pub(super) const OPTION: &str = "only-start";
/// Room for an id in a descriptor.
const ID_BYTES: usize = 48;

/// Is one of those processes: says a line as soon as a stream can be opened.
pub(super) fn run(plugins: &PluginArgs) -> Result<(), Failed> {
    let sessions = Sessions::new(plugins, PLUGIN)?;
    stdio::say(format_args!("ready"));
    drop(sessions);
    Ok(())
}

/// The row of it.
pub(super) fn figure(setup: &Setup<'_>) -> Figure {
    show::progress("starts with 100 plugins");
    Figure {
        name: "start",
        what: "start to first handshake possible, 100 plugins",
        unit: "ms",
        host: milliseconds(setup.plugins),
        baseline: None,
        target: Target::AtMost(50.0),
        note: format!(
            "by the clock, from before the process is started until its host has loaded {PLUGIN} from a directory of \
             {PLUGINS} plugins and a stream can be opened; the median of {PROCESSES} processes. That {PLUGIN} can be \
             opened is known from the cache"
        ),
    }
}

fn milliseconds(plugins: &PluginArgs) -> Result<f64, String> {
    let scratch = Scratch::new().map_err(|error| format!("no place for 100 plugins: {error}"))?;
    let directory = scratch.path().join("plugins");
    fill(&directory, plugins)?;
    // The first one may be the one that fills the cache of scans.
    start(&directory)?;
    let taken: Result<Vec<_>, _> = (0..PROCESSES).map(|_| start(&directory)).collect();
    Ok(median(taken?))
}

/// Puts so many plugins into a new directory.
fn fill(directory: &Path, plugins: &PluginArgs) -> Result<(), String> {
    let failed = |error| format!("{} cannot be filled: {error}", directory.display());
    let file = |name: &str| directory.join(format!("{name}.{DLL_EXTENSION}"));
    let path = plugins.search_path().map_err(Failed::into_sentence)?;
    let catalogue = path.scan();
    let found = catalogue.find(PLUGIN);
    let found = found.map_err(|error| error.to_string())?;
    let noop = baseline::directory().join(format!("noop.{DLL_EXTENSION}"));
    let noop = fs::read(&noop).map_err(|error| {
        format!(
            "{} cannot be read ({error}): run `make bench`",
            noop.display()
        )
    })?;
    let mut id = [0; ID_BYTES];
    id[..4].copy_from_slice(b"noop");
    let at = noop.windows(ID_BYTES).position(|window| window == id);
    let at = at.ok_or("noop does not have its id: run `make bench`")?;
    fs::create_dir(directory).map_err(failed)?;
    fs::copy(&found.path, file(PLUGIN)).map_err(failed)?;
    for number in 1..PLUGINS {
        let (mut other, id) = (noop.clone(), format!("p{number:03}"));
        other[at..at + id.len()].copy_from_slice(id.as_bytes());
        fs::write(file(&id), other).map_err(failed)?;
    }
    Ok(())
}

/// Starts another process of this command, and waits until it says that it is ready.
fn start(directory: &Path) -> Result<f64, String> {
    let failed = |error| format!("no other process: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(["bench", "--plugin-dir"])
        .arg(directory)
        .arg(format!("--{OPTION}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut said = String::new();
    let output = child.stdout.take().expect("it is a pipe");
    let read = BufReader::new(output).read_line(&mut said);
    let taken = began.elapsed();
    let status = child.wait().map_err(failed)?;
    match read {
        Ok(_) if said.trim() == "ready" && status.success() => Ok(taken.as_nanos() as f64 / 1e6),
        _ => Err(format!("another process of this command failed ({status})")),
    }
}
