//! Time of this machine's processors that its host has given to others.
use std::fs;
use std::time::Instant;

/// How much of it there was at a time, of all processors together.
pub(super) struct Stolen {
    ticks: f64,
    at: Instant,
}

/// Ticks of `/proc/stat` in a second, as Linux tells them to programs.
const TICKS: f64 = 100.0;

impl Stolen {
    pub(super) fn now() -> Self {
        let (ticks, _) = stolen();
        let at = Instant::now();
        Self { ticks, at }
    }

    /// The share of the processors' time since then.
    pub(super) fn share(&self) -> f64 {
        let (ticks, processors) = stolen();
        let all = self.at.elapsed().as_secs_f64() * TICKS * processors.max(1) as f64;
        (ticks - self.ticks) / all
    }
}

/// The ticks since the system was started, and how many processors there are.
fn stolen() -> (f64, usize) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let mut lines = stat.lines().take_while(|line| line.starts_with("cpu"));
    // "cpu", then user, nice, system, idle, iowait, irq, softirq and steal.
    let all = lines.next().unwrap_or_default();
    let stolen = all.split_ascii_whitespace().nth(8);
    let stolen = stolen.and_then(|it| it.parse().ok());
    (stolen.unwrap_or(0.0), lines.count())
}
