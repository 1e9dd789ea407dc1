//! What a driver does with a datagram, and what it says.
use crate::component::drops::Cause;
use crate::plugin::Failure;
use zeroize::Zeroizing;

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::component) enum Route {
    /// To the plugin, now.
    Taken,
    /// To wait for its turn.
    Waiting,
    /// Nowhere.
    Dropped(Cause),
    /// To the application.
    Application,
}

/// What a driver says.
pub(in crate::component) enum Output {
    InitData(Vec<u8>),
    Packet(Vec<u8>),
    Finished(Zeroizing<Vec<u8>>),
    /// A datagram that had to wait and turned out to be the application's.
    Application(Vec<u8>),
    /// The datagram with this number waited, and is dropped.
    Dropped(u64, Cause),
    /// The key with this label.
    ExportedKey(String, Zeroizing<Vec<u8>>),
    /// There is no key with this label, for a reason.
    NotExported(String, String),
    Warning(String),
    Failed(Failure),
    Closed {
        by_peer: bool,
    },
}
