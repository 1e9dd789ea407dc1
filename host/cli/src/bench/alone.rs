//! One session at a time: by the clock, against the CPU time it takes.
use super::figure::{Figure, Target, split};
use super::sessions::Sessions;
use super::setup::{PLUGIN, Setup};
use super::show;
use super::side::median;
use crate::exit::Failed;
use std::time::{Duration, Instant};

/// As many as are needed before memory and caches are as they stay.
const WARM: u32 = 50;

/// Microseconds by the clock and of CPU time, each the median of the sessions of about `time`.
pub(super) fn microseconds(sessions: &Sessions, time: Duration) -> Result<(f64, f64), String> {
    for _ in 0..WARM {
        sessions.one()?;
    }
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while wall.is_empty() || start.elapsed() < time {
        let (by_clock, spent) = sessions.one()?;
        wall.push(by_clock.as_nanos() as f64 / 1e3);
        cpu.push(spent.as_nanos() as f64 / 1e3);
    }
    Ok((median(wall), median(cpu)))
}

/// The row of it.
pub(super) fn figure(setup: &Setup) -> Result<Figure, Failed> {
    show::progress("one session at a time");
    let sessions = Sessions::new(setup.plugins, PLUGIN)?;
    let (host, baseline) = split(microseconds(&sessions, setup.time));
    Ok(Figure {
        name: "session_alone",
        what: "one session at a time, against its CPU time",
        unit: "µs",
        host,
        baseline: Some(baseline),
        target: Target::TimesAtMost(1.25),
        note: "by the clock, from before both streams are opened until both are ready; what is more than CPU time \
               is spent on waking threads, and on whatever else the machine does"
            .to_owned(),
    })
}
