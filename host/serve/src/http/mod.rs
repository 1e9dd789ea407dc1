//! Metrics and health over HTTP (docs/operations.md).
//!
//! - `site`: what is answered;
//! - `listener`: to whom.
mod listener;
mod site;

pub(crate) use listener::serve;
pub(crate) use site::Site;
