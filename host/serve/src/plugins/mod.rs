//! Plugins that change under load: generations, and what becomes one.
//!
//! - `generation`: one content of a plugin;
//! - `canary`: a new one that takes a share of the opens first;
//! - `shelf`: those in use, by id;
//! - `keeper`: brings to the shelf what the directories hold;
//! - `watcher`: tells when they change.
mod canary;
mod generation;
mod keeper;
mod report;
mod shelf;
mod watcher;

pub(crate) use canary::CanaryPolicy;
pub(crate) use generation::Generation;
pub(crate) use keeper::{Keeper, Policy};
pub(crate) use report::Report;
pub(crate) use shelf::{Shelf, Status as Shelved, Unavailable};
pub(crate) use watcher::{Watched, Watcher};
