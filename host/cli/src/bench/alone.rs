//! One session at a time: by the clock, against the CPU time it takes.
use super::median;
use super::sessions::Sessions;
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
