//! What every command that connects takes, to let a person see afterwards how it went.
use super::exit::Failed;
use clap::Args;
use handclasp::trace::TraceFile;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Record the session in this file, without its secrets, for `handclasp trace`. One that is there is
    /// overwritten; a new one is its owner's alone
    #[arg(long = "trace", value_name = "FILE")]
    trace_file: Option<PathBuf>,
}

impl TraceArgs {
    /// The trace, if one was asked for: to be begun once nothing refuses the session any more.
    pub(super) fn prepare(&self) -> Result<Option<TraceFile>, Failed> {
        let prepared = self
            .trace_file
            .as_deref()
            .map(TraceFile::prepare)
            .transpose();
        prepared.map_err(Failed::new)
    }
}

/// Empties the trace's file, and writes from now on.
pub(super) fn begin(trace: &mut Option<TraceFile>) -> Result<(), Failed> {
    trace
        .as_mut()
        .map_or(Ok(()), TraceFile::begin)
        .map_err(Failed::new)
}
