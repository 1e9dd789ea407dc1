//! What components cost that have finished and carry nothing: each peer checks that the other is still there.
use super::figure::{Figure, Target};
use super::processor::cpu_time;
use super::sessions::Sessions;
use super::setup::{PLUGIN, Setup};
use super::show;
use crate::exit::Failed;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::thread;
use std::time::Duration;

/// Pairs held, of two components each; half of these have a socket of their own.
const PAIRS: u64 = 5_000;
/// Files that are open beside the sockets.
const OTHERS: u64 = 100;
/// After the last handshake: until no pair has rivals any more.
const SETTLING: Duration = Duration::from_secs(10);
/// Several rounds of checks.
const WATCHED: Duration = Duration::from_secs(15);

/// Percent of a core that 10,000 components take, and how many were held; or a sentence why that is not known.
pub(super) fn percent(sessions: &Sessions) -> Result<(f64, u64), String> {
    let pairs = PAIRS.min(allowed_files().saturating_sub(OTHERS));
    let held = sessions.hold(pairs)?;
    thread::sleep(SETTLING);
    let before = cpu_time();
    thread::sleep(WATCHED);
    let spent = cpu_time() - before;
    sessions.release(&held)?;
    let components = 2 * pairs;
    let share = spent.as_secs_f64() / WATCHED.as_secs_f64();
    Ok((100.0 * share * 10_000.0 / components as f64, components))
}

/// As many files as this process may open, once it has asked for all that it is allowed.
fn allowed_files() -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let most = limits.maximum;
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: most,
            maximum: most,
        },
    );
    let allowed = if raised.is_ok() { most } else { limits.current };
    allowed.unwrap_or(u64::MAX)
}

/// The row of it.
pub(super) fn figure(setup: &Setup) -> Result<Figure, Failed> {
    show::progress("CPU of idle components, about a minute");
    let measured = percent(&Sessions::new(setup.plugins, PLUGIN)?);
    let note = match &measured {
        Ok((_, held)) => format!(
            "{held} were held in one process, both ends of each pair, and checked each other every 3 s (RFC 7675)"
        ),
        Err(_) => String::new(),
    };
    Ok(Figure {
        name: "idle",
        what: "CPU of 10,000 idle, finished components",
        unit: "% of a core",
        host: measured.map(|(percent, _)| percent),
        baseline: None,
        target: Target::AtMost(5.0),
        note,
    })
}
