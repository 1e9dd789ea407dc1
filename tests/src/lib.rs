//! What the tests share.
pub mod processes;
