//! How far the demo has come.
use std::time::Duration;

/// How far a component has come, side by side.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) sides: [SideProgress; 2],
}

#[derive(Debug, Default)]
pub(super) struct SideProgress {
    pub(super) selected: Option<Duration>,
    pub(super) finished: Option<Duration>,
    pub(super) keys: Option<Keys>,
    pub(super) sent: u32,
    pub(super) received: u32,
}

type Keys = zeroize::Zeroizing<Vec<u8>>;
