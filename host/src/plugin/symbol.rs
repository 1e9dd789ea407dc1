//! The symbol that a plugin exports.

/// The one symbol a plugin exports.
pub(super) const DESCRIPTOR: &[u8] = b"handclasp_plugin";

/// Where a symbol is in the loaded library, and how large, if the format tells.
pub(super) struct Symbol {
    pub(super) address: u64,
    pub(super) size: Option<u64>,
}
