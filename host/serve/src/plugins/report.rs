//! A plugin as operators see it.
use super::generation::Generation;
use super::shelf::Status;
use serde::Serialize;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// The plugin of one id.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    plugin: String,
    /// `in_use`, `trial`, `quarantined`, `retired` or `refused`: what opens get of it.
    state: &'static str,
    generations: Vec<GenerationReport>,
    /// Why opens are refused, or why its file has not become a generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct GenerationReport {
    generation: u64,
    /// `current`, `trial` or `draining`.
    state: &'static str,
    version: String,
    sha256: String,
    file: PathBuf,
    /// When it was loaded, in seconds since 1970.
    since: u64,
    /// How many streams of it run.
    streams: usize,
    opened: u64,
    ready: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn of(status: &Status) -> Self {
        let current = status
            .current
            .iter()
            .map(|one| GenerationReport::of(one, "current"));
        let trial = status
            .canary
            .iter()
            .map(|one| GenerationReport::of(one, "trial"));
        let draining = status
            .draining
            .iter()
            .map(|one| GenerationReport::of(one, "draining"));
        let state = match status {
            Status {
                quarantine: Some(_),
                ..
            } => "quarantined",
            Status {
                canary: Some(_), ..
            } => "trial",
            Status {
                current: Some(_), ..
            } => "in_use",
            Status {
                retired: Some(_), ..
            } => "retired",
            _ => "refused",
        };
        let quarantine = status.quarantine.as_ref().map(|one| one.reason.clone());
        let refused = status.refused.as_ref();
        Self {
            plugin: status.id.clone(),
            state,
            generations: current.chain(trial).chain(draining).collect(),
            reason: quarantine.or_else(|| refused.map(|refused| refused.reason.clone())),
            refused_file: refused.map(|refused| refused.file.clone()),
        }
    }
}

impl GenerationReport {
    fn of(generation: &std::sync::Arc<Generation>, state: &'static str) -> Self {
        let tally = generation.tally();
        let since = generation.since.duration_since(UNIX_EPOCH);
        Self {
            generation: generation.number,
            state,
            version: generation.version().to_owned(),
            sha256: generation.sha256().to_owned(),
            file: generation.file.clone(),
            since: since.unwrap_or_default().as_secs(),
            streams: generation.running(),
            opened: tally.opened,
            ready: tally.ready,
            failed: tally.failed,
        }
    }
}
