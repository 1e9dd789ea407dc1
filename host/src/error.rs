//! Why there is no host, or no stream.
use crate::net::{BindError, MAX_OVERDUE, TrustError};
use crate::plugin;
use crate::stream::Refused;
use std::io;

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The system gives no thread or no means to wait for sockets.
    #[error("an event loop cannot start ({0}): are the process's threads or open files used up?")]
    Loop(#[source] io::Error),
    /// The system gives no thread.
    #[error(
        "what plugins log has no thread that tells it ({0}): are the process's threads used up?"
    )]
    Log(#[source] io::Error),
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The plugin cannot be used, or not with these options.
    #[error(transparent)]
    Plugin(#[from] plugin::Error),
    /// No relay over TLS can be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The stream cannot be what the options ask for.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nothing is left for it to connect over.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Many calls of the plugin's `init` have not returned in time.
    #[error(
        "plugin {plugin}: {MAX_OVERDUE} calls of its init have not returned in time, and it is not called again before \
         one does: see what they wait for"
    )]
    Stuck {
        /// The plugin's id.
        plugin: String,
    },
    /// Every event loop that it could be on has ended.
    #[error(
        "the event loop for this stream has ended early: report what it said, and make another host"
    )]
    Ended,
}
