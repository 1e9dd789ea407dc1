//! What each measurement is made with.
use super::processor::Pinned;
use crate::plugin_args::PluginArgs;
use std::time::Duration;

/// The plugin that is measured.
pub(super) const PLUGIN: &str = "dtls-srtp";
/// The plugin that leaves ICE and sockets with themselves.
pub(super) const NO_HANDSHAKE: &str = "none";

/// What each measurement is made with.
pub(super) struct Setup<'a> {
    pub(super) plugins: &'a PluginArgs,
    pub(super) pinned: &'a Pinned,
    /// About how long each side of a comparison is measured.
    pub(super) time: Duration,
}
