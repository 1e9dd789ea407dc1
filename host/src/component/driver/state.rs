//! How far a handshake and its instance have come.

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `init` is running.
    Starting,
    /// The plugin wants its peer's parameters, which nobody has given yet.
    AwaitingPeer,
    /// The handshake is in progress.
    InProgress,
    /// The handshake is over; data flows.
    Finished,
    /// Failed or closed: nothing is called any more.
    Ended,
}

/// What the calls have made of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// `init` is asked for, or under way.
    Unmade,
    /// Made, and waiting for `set_peer`.
    AwaitingPeer,
    /// In progress before `connection_ready`.
    AwaitingReady,
    /// In progress after `connection_ready`.
    Connected,
    /// Finished; retransmissions and alerts are still its business.
    Finished,
    /// There is none that could be called: finished in `init`, failed or closed. What there is of it is destroyed.
    Gone,
}
