//! The daemon `handclasp serve`: thousands of streams on one port, for programs that connect to a control socket.
//!
//! The modules, from the ground up; each uses only those above it in this list:
//!
//! - [`config`]: the file of settings;
//! - [`trust`]: which plugins may be used: `plugins.lock` and signatures.
pub mod config;
pub mod trust;
