//! Which plugins may be used: those in `plugins.lock`, and those that somebody trusted has signed.
//!
//! Both look at the private copy of a plugin that is about to be loaded, never at its file again.
//!
//! - `entry`: a plugin in the lock, and the grammar of its fields;
//! - `lock`: the lock;
//! - `update`: a new lock from what there is;
//! - `lock_error`: why there is no lock;
//! - `refused`: why a plugin is not used;
//! - `key_id`: the name of a key of minisign;
//! - `keys`: public keys, and signatures by them;
//! - `trust`: both.
mod entry;
mod key_id;
mod keys;
mod lock;
mod lock_error;
mod refused;
#[expect(clippy::module_inception, reason = "it is named after its type")]
mod trust;
mod update;

pub use entry::Entry;
pub use keys::{Keys, KeysError, signature_of};
pub use lock::Lock;
pub use lock_error::{LockError, NotWritten};
pub use refused::{LookedUp, NotSigned, Refused};
pub use trust::{Trust, TrustError};
pub use update::{Difference, Update};
