//! What anybody may have sent to end the handshake. It is believed if nothing valid follows: it may be the peer's last
//! word (RFC 6347, section 4.1.2.7).
use crate::failure::ILLEGAL_PARAMETER;
use handclasp_plugin::{Error, Time};
use std::time::Duration;

/// A peer that goes on repeats itself sooner.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the handshake may be over.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) reason: Error,
    /// What the peer is told if it is over. Said at once, it would end the handshake for a peer that had no part in it.
    pub(crate) alert: Option<u8>,
    /// Whether it is about the server's hello, so that nothing but another one is what follows.
    pub(crate) is_about_hello: bool,
    /// When it is believed.
    pub(crate) due: Time,
}

impl Doubt {
    pub(crate) fn new(reason: Error, alert: Option<u8>, now: Time) -> Self {
        Self {
            reason,
            alert,
            is_about_hello: false,
            due: now + PATIENCE,
        }
    }

    /// The server has agreed to what was not offered, or somebody in its name has.
    pub(crate) fn about_hello(reason: Error, now: Time) -> Self {
        Self {
            is_about_hello: true,
            ..Self::new(reason, Some(ILLEGAL_PARAMETER), now)
        }
    }
}
