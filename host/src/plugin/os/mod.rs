//! What differs between systems: owners and modes, where plugins are installed, private files, mapping.
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::end_with_parent;
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::end_with_parent;
#[cfg(windows)]
pub(super) use windows::*;
