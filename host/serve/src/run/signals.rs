//! Signals that the daemon obeys.
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    End,
    Drain,
    Reload,
    ReopenLogs,
    /// Another daemon is to take this one's place.
    Successor,
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
    user: Signal,
    other_user: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            other_user: signal(SignalKind::user_defined2())?,
        })
    }

    pub(super) async fn next(&mut self) -> Option<Asked> {
        tokio::select! {
            _ = self.terminate.recv() => Some(Asked::End),
            _ = self.interrupt.recv() => Some(Asked::End),
            _ = self.quit.recv() => Some(Asked::Drain),
            _ = self.hang_up.recv() => Some(Asked::Reload),
            _ = self.user.recv() => Some(Asked::ReopenLogs),
            _ = self.other_user.recv() => Some(Asked::Successor),
        }
    }
}
