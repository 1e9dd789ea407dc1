//! Sessions on two event loops against one, by the clock.
use super::figure::{Figure, Target, split};
use super::processor::Pinned;
use super::sessions::Sessions;
use super::setup::{PLUGIN, Setup};
use super::show;
use super::side::median;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use std::time::{Duration, Instant};

/// How often one loop and two take turns.
const TURNS: u32 = 6;
/// Sessions before the first turn.
const WARM: u64 = 64;

/// Microseconds that pass for each session: on two loops and two cores, and on one of each. Medians of about `time` for
/// each.
pub(super) fn microseconds(
    plugins: &PluginArgs,
    pinned: &Pinned,
    time: Duration,
) -> Result<[f64; 2], String> {
    let on = |loops: u32| {
        pinned.with_cores(loops, || {
            let sessions = Sessions::on_loops(plugins, PLUGIN, loops as usize, false);
            let sessions = sessions.map_err(Failed::into_sentence)?;
            // What helps the loops is started on their cores, too.
            sessions.pass(WARM)?;
            Ok(sessions)
        })
    };
    let sides = [on(2)?, on(1)?];
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (side, turns) in sides.iter().zip(&mut turns) {
            let (start, mut count) = (Instant::now(), 0);
            while start.elapsed() < time / TURNS {
                side.pass(4 * WARM)?;
                count += 4 * WARM;
            }
            turns.push(start.elapsed().as_nanos() as f64 / 1e3 / count as f64);
        }
    }
    Ok(turns.map(median))
}

/// The row of it.
pub(super) fn figure(setup: &Setup) -> Figure {
    show::progress("sessions on two event loops, and on one");
    let measured = microseconds(setup.plugins, setup.pinned, setup.time);
    let (host, baseline) = split(measured.map(|[two, one]| (two, one)));
    Figure {
        name: "session_loops",
        what: "sessions on two event loops, against one",
        unit: "µs",
        host,
        baseline: Some(baseline),
        target: Target::RatioAtLeast(1.7),
        note: "by the clock, on two cores against one, 32 sessions under way; each stream has a port of its own"
            .to_owned(),
    }
}
