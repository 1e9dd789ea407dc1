//! The ladder of a run: what two sides sent and how they were called, as `handclasp trace` draws it.
//!
//! A child writes each line of it into a file of its own as it happens, so that it survives whatever ends the child.
//! The file is a ring for each of the last runs: what a check repeats ten thousand times takes no more room.
use super::notes::overwrite;
use crate::trace::ladder::{Ladder, Row, Shape, Tone};
use crate::trace::rails;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Handshakes, or instances alone, that a check begins: which of them, and when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    /// Decides what the network does in it.
    pub(crate) seed: u64,
    /// Nanoseconds of the clock that plugins are told.
    pub(crate) start: u64,
}

/// Written by the child.
#[derive(Debug)]
pub(crate) struct Recording {
    file: Mutex<File>,
    runs: AtomicU64,
    lines: AtomicU64,
    /// Lines of each run that are kept, by its place.
    places: Vec<AtomicU64>,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    number: u64,
    run: u64,
    seed: u64,
    row: Row,
}

/// What is known of a run afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) seed: u64,
    /// As it is drawn, without colours.
    pub(crate) ladder: Vec<String>,
}

const FILE: &str = "ladder";
/// Runs of which lines are kept: more than any check has side by side.
const RUNS: u64 = 256;
/// Lines of a run that are kept: the last ones tell how it ended.
const LINES: u64 = 32;
/// Bytes of a line; shorter ones are filled up.
const LINE: usize = 512;
/// Characters of a line's text, any of which may take four bytes.
const TEXT: usize = 90;

impl Recording {
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Mutex::new(File::create(directory.join(FILE))?),
            runs: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            places: (0..RUNS).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    pub(crate) fn begin(&self, seed: u64, start: u64) -> Run {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        Run {
            number,
            seed,
            start,
        }
    }

    /// Something happened in a run, at this time of the clock that plugins are told.
    pub(crate) fn note(&self, run: Run, now: u64, text: &str, tone: Tone, shape: Shape) {
        let number = self.lines.fetch_add(1, Ordering::Relaxed);
        let line = Line {
            number,
            run: run.number,
            seed: run.seed,
            row: Row {
                us: now.saturating_sub(run.start) / 1000,
                text: text.chars().take(TEXT).collect(),
                tone,
                shape,
            },
        };
        let region = run.number % RUNS;
        let in_region = self.places[region as usize].fetch_add(1, Ordering::Relaxed) % LINES;
        let place = region * LINES + in_region;
        let line = serde_json::to_string(&line).unwrap_or_default();
        if line.len() < LINE {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let line = format!("{line:<0$}\n", LINE - 1);
            // A line that cannot be written is missing from a ladder, no more.
            let _ = overwrite(&mut file, line.as_bytes(), place * LINE as u64);
        }
    }
}

/// What a child has recorded of a run, or of the last one if none is named.
pub(crate) fn read(directory: &Path, run: Option<u64>) -> Option<Seen> {
    let file = fs::read(directory.join(FILE)).ok()?;
    let lines = file.chunks(LINE);
    let mut lines: Vec<Line> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    lines.sort_unstable_by_key(|line| line.number);
    let last = lines.last()?;
    let (run, seed) = match run {
        None => (last.run, last.seed),
        Some(run) => (run, lines.iter().find(|line| line.run == run)?.seed),
    };
    let rows = lines.into_iter().filter(|line| line.run == run);
    let ladder = Ladder {
        rails: ["initiator", "responder"].map(str::to_owned),
        rows: rows.map(|line| line.row).collect(),
        cut_off: false,
    };
    let ladder = anstream::adapter::strip_str(&rails(&ladder)).to_string();
    Some(Seen {
        seed,
        ladder: ladder.lines().map(str::to_owned).collect(),
    })
}
