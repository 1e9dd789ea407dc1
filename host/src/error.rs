//! Why there is no host, or no stream.
use crate::counted;
use crate::net::{BindError, MAX_OPENING, MAX_OVERDUE, TrustError};
use crate::plugin::{self, PATIENCES};
use crate::stream::SettingsError;
use std::io;
use std::time::Duration;

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The system gives no thread or no means to wait for sockets.
    #[error("an event loop cannot start ({0}): are the process's threads or open files used up?")]
    Loop(#[source] io::Error),
    /// No event loop, or too many.
    #[error(
        "a host has 1 to {MAX_LOOPS} event loops, not {count}: give as many as there are cores"
    )]
    Loops {
        /// How many were asked for.
        count: usize,
    },
    /// Ports that were passed are not those of one host, or it has another number of event loops.
    #[error(
        "ports that are taken over have a link for each of 1 to {MAX_LOOPS} event loops, and a socket for each link: these \
         have {count} links; pass all that was passed, and ask for no other number of event loops"
    )]
    Passed {
        /// How many links there are.
        count: usize,
    },
    /// A patience of the scanner's that is too short, or longer than a day.
    #[error(
        "the scanner's patience is {:?} to {:?}, not {patience:?}",
        PATIENCES.start(),
        PATIENCES.end()
    )]
    Patience {
        /// What was given.
        patience: Duration,
    },
    /// The system gives no thread.
    #[error(
        "what plugins log has no thread that tells it ({0}): are the process's threads used up?"
    )]
    Log(#[source] io::Error),
}

/// Most event loops of a host.
pub(crate) const MAX_LOOPS: usize = 1024;

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
    Settings(#[from] SettingsError),
    /// A share of datagrams to drop that is none.
    #[error("the loss is 0 to 100 percent, not {0}")]
    Loss(f64),
    /// Its sockets cannot be where the options say, or nothing is left for it to connect over.
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
    /// 4,096 streams wait for the event loop already.
    #[error(
        "{MAX_OPENING} streams wait for their event loop already: open it once some of them have started"
    )]
    Full,
    /// The host was shut down.
    #[error("the host was shut down: make another one")]
    ShutDown,
}

/// What has not ended within the time that a host's end may take. Once it can, it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "still running: {}{}{}; see what an application or a plugin waits for",
    counted(*loops, "event loop"),
    if *init { " and " } else { "" },
    if *init { "a call of a plugin's init" } else { "" }
)]
#[non_exhaustive]
pub struct StillRunning {
    /// Event loops that have not ended: an application's callback or a call into a plugin has not returned.
    pub loops: usize,
    /// Whether calls of plugins' `init` have not returned.
    pub init: bool,
}
