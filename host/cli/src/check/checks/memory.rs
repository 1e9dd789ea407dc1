use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{Setup, Weather, World};
use crate::check::probe::Probe;
use handclasp::plugin::Role;
use std::fs;
use std::time::{Duration, Instant};

pub(crate) const MEMORY: Check = Check {
    name: "memory",
    sentence: "A thousand instances, made, used and destroyed, leave no memory behind",
    remedy: "free in destroy all that init and the calls after it allocated; handclasp check --sanitize, or \
             AddressSanitizer, names the place",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

/// Instances of a round, of which one in ten shakes hands. Fewer if each takes long.
const INSTANCES: u32 = 1000;
/// With fewer, what each leaves behind is less than what a system counts.
const FEWEST: u32 = 250;
/// The first rounds fill what is allocated once; an allocator needs some to settle.
const ROUNDS: usize = 8;
/// Instances by which is seen how long one takes: the machine may be busy meanwhile, or the first one take longer.
const SAMPLE: u32 = 20;
/// The last rounds, which must not all grow.
const WATCHED: usize = 4;
/// Bytes for each instance of a round: less than any allocation takes.
const GROWTH: u64 = 16;

fn check(probe: &Probe) -> Checked {
    if probe.sanitized {
        return Err(Objection::skip(
            "the sanitizer's own memory hides the plugin's",
        ));
    }
    let Some(mut before) = resident() else {
        return Err(Objection::skip(
            "this system does not tell how much memory a process has",
        ));
    };
    let mut each = Duration::MAX;
    for _ in 0..SAMPLE {
        let started = Instant::now();
        make(probe)?;
        each = each.min(started.elapsed());
    }
    let instances = probe.affordable(INSTANCES, each * ROUNDS as u32);
    if instances < FEWEST {
        return Err(Objection::skip(format!(
            "its init takes {} ms: too few instances would be made for it to show",
            each.as_millis()
        )));
    }
    let mut growth = Vec::new();
    for _ in 0..ROUNDS {
        round(probe, instances)?;
        let now = resident().unwrap_or(before);
        growth.push(now.saturating_sub(before));
        before = now;
    }
    let watched = &growth[ROUNDS - WATCHED..];
    let instances = u64::from(instances);
    if watched
        .iter()
        .any(|&kilobytes| kilobytes * 1024 < GROWTH * instances)
    {
        return Ok(());
    }
    let average = watched.iter().sum::<u64>() * 1024 / (WATCHED as u64 * instances);
    Err(Objection::finding(format!(
        "each instance leaves about {average} bytes behind"
    )))
}

fn round(probe: &Probe, instances: u32) -> Checked {
    // Nothing here depends on the delay, which costs real time where a plugin goes by the system's clock.
    let at_once = Setup {
        weather: Weather {
            delay: 0..=0,
            ..Weather::FAIR
        },
        ..Setup::default()
    };
    for number in 0..instances {
        if number % 10 == 0 {
            World::of_one(probe, &at_once)?.finish()?;
        } else {
            let mut side = make(probe)?;
            let init_data = side.init_data.clone();
            side.set_peer(0, Role::Initiator, &init_data);
            side.ready(0);
        }
    }
    Ok(())
}

/// Kilobytes of this process's own memory, as Linux counts it.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}
