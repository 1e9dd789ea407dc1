//! The boundary: the one module of this crate with unsafe code. `call` wraps what the host lends, `entry` is
//! what the host calls, `descriptor` is what it reads.
#![allow(unsafe_code)]

mod call;
mod descriptor;
#[allow(missing_docs)] // the tables are named after the extensions they serve
mod entry;

pub use call::{Call, Host, Init, Level, Time, Waker};
pub use descriptor::{Descriptor, extension, text};
pub use entry::Tables;

#[cfg(test)]
mod tests;
