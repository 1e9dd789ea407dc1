//! What is shown of a check.
use super::definition::Check;
use super::ladder::Seen;
use super::outcome::Checked;
use std::time::Duration;

/// A check that is done.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) check: &'static Check,
    pub(super) outcome: Checked,
    /// The run in which something was found.
    pub(super) seen: Option<Seen>,
    pub(super) took: Duration,
}
