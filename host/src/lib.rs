//! Handclasp connects two peers over ICE and lets a plugin, a shared library behind a small C ABI, perform
//! the handshake on each ICE component.
//!
//! [`Host`] is the face of it: it finds plugins, runs event loops, and opens streams.
//!
//! The modules, from the ground up; each uses only those above it in this list:
//!
//! - [`files`]: every file that the host writes is opened there;
//! - [`printable()`]: text from anywhere for a terminal;
//! - [`Spool`]: lines that are written by a thread of their own;
//! - [`plugin`]: find, vet, copy, open, check and call a library; the one module with unsafe code;
//! - [`sdp`]: what two peers tell each other in words;
//! - [`ice`]: one agent for each component;
//! - [`component`]: an agent, a handshake instance, and what lies between;
//! - [`stream`]: components 1..n, credentials, notifications;
//! - [`trace`]: a session on file, without its secrets;
//! - `net`: sockets, the clock, one event loop per core;
//! - [`KeyLog`]: secrets on file, where the operator asks for it;
//! - [`control`]: the same in JSON lines, for programs of any language;
//! - [`Host`].
//!
//! What drives a session, [`sdp`] to [`stream`] and the calls of [`plugin`], has no socket and no clock: bytes and time
//! come in as arguments.
mod channel;
pub mod component;
pub mod control;
mod counted;
mod error;
pub mod files;
mod hidden;
mod host;
mod host_options;
pub mod ice;
mod key_log;
mod loops;
mod made_in;
mod net;
pub mod plugin;
mod printable;
mod queue;
pub mod sdp;
mod shortened;
mod similar;
mod spool;
pub mod stream;
mod stream_handle;
mod stream_options;
pub mod trace;

#[cfg(feature = "tokio")]
pub use channel::{AsyncEvents, async_channel};
pub use channel::{ChannelApplication, Event, Events, TimedOut, channel};
pub use component::Failure;
pub use counted::counted;
pub use error::{HostError, OpenError, StillRunning};
pub use host::Host;
pub use host_options::HostOptions;
pub use key_log::{KeyLog, KeyLogError};
pub use net::{
    Application, BindError, BindOptions, Context, Departures, Family, Loss, Queued, SendError,
    StreamRef, TrustError,
};
pub use printable::printable;
pub use spool::Spool;
pub use stream_handle::StreamHandle;
pub use stream_options::StreamOptions;
