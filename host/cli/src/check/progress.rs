//! The line that says that it goes on, on a terminal.
use super::definition::Check;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Progress {
    names: Vec<&'static str>,
    running: Vec<(usize, Instant)>,
    done: usize,
    on_terminal: bool,
    shown: bool,
}

/// What takes less is not worth a line.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    pub(super) fn new(checks: &[&Check]) -> Self {
        Self {
            names: checks.iter().map(|check| check.name).collect(),
            running: Vec::new(),
            done: 0,
            on_terminal: io::stderr().is_terminal(),
            shown: false,
        }
    }

    pub(super) fn started(&mut self, place: usize) {
        self.running.push((place, Instant::now()));
    }

    pub(super) fn done(&mut self, place: usize) {
        self.running.retain(|(running, _)| *running != place);
        self.done += 1;
    }

    pub(super) fn show(&mut self) {
        let long = |(place, since): &(usize, Instant)| {
            let seconds = since.elapsed().as_secs();
            (since.elapsed() >= PATIENCE).then(|| format!("{} {seconds} s", self.names[*place]))
        };
        let running: Vec<_> = self.running.iter().filter_map(long).collect();
        if !self.on_terminal || running.is_empty() {
            return;
        }
        self.clear();
        let (done, all) = (self.done, self.names.len());
        let mut stderr = io::stderr();
        let _ = write!(
            stderr,
            "{done} of {all} done; running: {}",
            running.join(", ")
        );
        let _ = stderr.flush();
        self.shown = true;
    }

    /// Makes room for a line that stays.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
