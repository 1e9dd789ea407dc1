//! What is counted.
use crate::plugins::Generation;
use std::time::Duration;

/// What is counted. Nothing here waits.
#[derive(Debug, Default)]
pub(crate) struct Metrics;

impl Metrics {
    /// A stream was opened.
    pub(crate) fn opened(&self, _generation: &Generation) {}

    /// A component has its first pair, so long after the opening.
    pub(crate) fn connected(&self, _generation: &Generation, _after: Duration) {}

    /// All components of a stream are ready, so long after the opening.
    pub(crate) fn ready(&self, _generation: &Generation, _after: Duration) {}

    /// A component has failed; `_is_first`: the first of a stream that was not ready.
    pub(crate) fn failed(&self, _generation: &Generation, _kind: &'static str, _is_first: bool) {}

    /// A stream has ended that was neither ready nor had failed.
    pub(crate) fn abandoned(&self, _generation: &Generation) {}

    /// A stream has ended.
    pub(crate) fn ended(&self, _generation: &Generation) {}

    /// An open was refused.
    pub(crate) fn refused(&self, _kind: &'static str) {}
}
