//! The control socket: JSON lines of many streams on one connection (docs/control-socket.md).
//!
//! - `lines`: what comes, line by line;
//! - `response`: what is answered;
//! - `connection`: one controller;
//! - `takeover`: one that is a daemon, and takes the place of this one;
//! - `listener`: where they connect.
mod connection;
mod lines;
mod listener;
mod response;
mod takeover;

pub use listener::SocketError;
pub(crate) use listener::{Connections, ControlSocket, serve_tcp, serve_unix, unix_listener};
