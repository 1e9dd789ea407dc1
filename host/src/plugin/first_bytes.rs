//! The first bytes of a plugin's own datagrams.
use serde::{Deserialize, Serialize};

/// The map of `hc.classify/1`: byte `v` is bit `v % 8` of byte `v / 8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstBytes(pub(super) [u8; 32]);

impl FirstBytes {
    /// Whether a datagram that begins with this byte can be the plugin's.
    pub fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 8)] & (1 << (byte % 8)) != 0
    }

    /// All that it contains, in order.
    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|byte| self.contains(*byte))
    }
}
