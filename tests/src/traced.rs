//! What a stream has noted of itself, at the times of its own clock: how long the system takes to start a process or to
//! carry its words to a test is not in them.
use handclasp::trace::{Record, Trace, What};
use std::path::Path;
use std::time::Duration;

/// A trace of one stream that has ended.
#[derive(Debug)]
pub struct Traced(Vec<Record>);

impl Traced {
    /// # Panics
    /// The file is no trace.
    pub fn read(file: &Path) -> Self {
        let contents = std::fs::read(file).expect("it was asked for");
        let trace = Trace::read(&*contents).unwrap_or_else(|error| panic!("{error}"));
        Self(trace.records)
    }

    /// When such a thing first happened, from the beginning of the trace.
    ///
    /// # Panics
    /// It never did.
    pub fn first(&self, is_it: impl Fn(&What) -> bool) -> Duration {
        let first = self.0.iter().find(|record| is_it(&record.what));
        let first = first.unwrap_or_else(|| panic!("it never happened: {:#?}", self.0));
        Duration::from_micros(first.us)
    }

    /// When such a thing last happened before that time.
    ///
    /// # Panics
    /// It never did.
    pub fn last_before(&self, time: Duration, is_it: impl Fn(&What) -> bool) -> Duration {
        let is_before = |record: &&Record| Duration::from_micros(record.us) < time;
        let mut before = self.0.iter().filter(is_before).rev();
        let last = before.find(|record| is_it(&record.what));
        let last = last.unwrap_or_else(|| panic!("it never happened: {:#?}", self.0));
        Duration::from_micros(last.us)
    }

    /// From the opening of the stream to the end of its gathering.
    ///
    /// # Panics
    /// It has not gathered to the end.
    pub fn gathering(&self) -> Duration {
        let opened = self.first(|what| matches!(what, What::Opened { .. }));
        self.first(|what| *what == What::CandidateGatheringDone) - opened
    }
}
