//! What an idle, finished component takes.
use super::figure::{Figure, Target};
use super::sessions::Sessions;
use super::setup::{PLUGIN, Setup};
use super::show;
use crate::exit::Failed;
use std::fs;

/// Pairs for the core to warm up with, so that what exists once is not counted.
const WARM: u64 = 32;
/// Pairs held; their sockets stay below the usual limit of 1024 open files.
const PAIRS: u64 = 400;

/// KiB by which this process grows with each component, or a sentence why that is not known.
pub(super) fn kib_per_component(sessions: &Sessions) -> Result<f64, String> {
    sessions.pass(WARM)?;
    let before = proportional_set_kib()?;
    let held = sessions.hold(PAIRS)?;
    let after = proportional_set_kib()?;
    sessions.release(&held)?;
    Ok((after - before) / (2 * PAIRS) as f64)
}

fn proportional_set_kib() -> Result<f64, String> {
    const FILE: &str = "/proc/self/smaps_rollup";
    let text =
        fs::read_to_string(FILE).map_err(|error| format!("{FILE} cannot be read: {error}"))?;
    pss_kib(&text).ok_or_else(|| format!("{FILE} names no Pss"))
}

fn pss_kib(text: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// The row of it.
pub(super) fn figure(setup: &Setup) -> Result<Figure, Failed> {
    show::progress("memory of idle components");
    Ok(Figure {
        name: "memory",
        what: "memory of an idle, finished component",
        unit: "KiB",
        host: kib_per_component(&Sessions::new(setup.plugins, PLUGIN)?),
        baseline: None,
        target: Target::AtMost(32.0),
        note: "growth of the process's proportional set size (PSS): ICE, DTLS, certificates, heap and \
               buffers; not what the kernel holds for a socket"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::pss_kib;

    #[test]
    fn reads_the_total() {
        let text =
            "55d0-7ffc ---p 0 00:00 0 [rollup]\nRss:   900 kB\nPss:   812 kB\nPss_Dirty:  40 kB\n";
        assert_eq!(pss_kib(text), Some(812.0));
        assert_eq!(pss_kib("Rss: 900 kB\n"), None);
    }
}
