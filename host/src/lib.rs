//! Handclasp connects two peers over ICE and lets a plugin, a shared library behind a small C ABI, perform
//! the handshake on each ICE component.
//!
//! This is a whole program, `examples/two_peers.rs`; beside it are an echo server, and clients with a channel and
//! with tokio:
//!
//! ```no_run
#![doc = include_str!("../examples/two_peers.rs")]
//! ```
//!
//! # The life of a stream
//!
//! 1. A [`Host`] finds plugins, runs event loops, and [opens](Host::open) streams: each with its [`StreamOptions`] and an
//!    [`Application`] of yours, or the ready-made one of [`channel`].
//! 2. The application is told what is for the peer: init data, credentials and candidates
//!    ([`Notification::for_peer`](stream::Notification::for_peer) makes the peer's messages of them), or all of it at once
//!    as an SDP, if it asks with [`GenerateLocalSdp`](stream::Message::GenerateLocalSdp). How they get there, the signalling,
//!    is yours.
//! 3. What the peer says is [sent](StreamRef::send) to the stream as a [`Message`](stream::Message).
//! 4. ICE selects a pair, the plugin shakes hands over it, and each component is
//!    [ready](stream::Notification::ComponentStateReady), with the keys that were agreed on.
//! 5. Data flows: [`StreamRef::send_payload`], [`Application::receive`]. **It is not encrypted**: the keys are yours. It is
//!    UDP: datagrams may be lost or overtake each other.
//! 6. The stream ends when its [`StreamHandle`] is dropped or it is [stopped](StreamRef::stop), and with its host. The
//!    last that its application is told is [`Stopped`](stream::Notification::Stopped).
//!
//! # Threads, waiting, and bounds
//!
//! - Callbacks of an application run on its stream's event loop, and all its other streams wait: return at once. One
//!   that panics fails its own stream and no other.
//! - [`Host::open`] waits for a plugin that is not loaded yet, [`StreamRef::flush`] for the event loop,
//!   [`Host::shutdown`] and the last drop of a [`Host`] for what runs, so long at most as they say. Nothing else waits.
//! - Components are numbered from 1. ICE's [controlling](StreamOptions::controlling) side and the handshake's
//!   [initiator](plugin::Role) are chosen apart; usually one side is both.
//! - Whatever is queued is bounded, and whoever finds no room is told: [`SendError::Full`], [`OpenError::Full`],
//!   [`Event::Dropped`].
//! - A forked process has nothing of its parent's hosts: dropping what it has of them does nothing there, and anything
//!   else must not be done with it.
//!
//! # Modules
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
//! - [`channel`]: a ready-made application;
//! - [`Host`].
//!
//! What drives a session, [`sdp`] to [`stream`] and the calls of [`plugin`], has no socket and no clock: bytes and time
//! come in as arguments.
mod channel;
pub mod component;
pub mod control;
mod counted;
mod error;
#[doc(hidden)] // for the command
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
pub use component::{Dropped, Failure};
#[doc(hidden)] // for the command, as `printable` and `Spool` are
pub use counted::counted;
pub use error::{HostError, OpenError, StillRunning};
pub use host::Host;
pub use host_options::HostOptions;
pub use key_log::{KeyLog, KeyLogError};
pub use net::{
    Application, Arrivals, BindError, BindOptions, Context, Departures, Family, Handovers,
    LoopState, Loss, Queued, SendError, SocketBuffers, StreamRef, Takeover, TrustError,
};
#[cfg(unix)]
pub use net::{PassError, PassedPlace, PassedPorts};
#[doc(hidden)]
pub use printable::printable;
#[doc(hidden)] // for the daemon
pub use similar::similar;
#[doc(hidden)]
pub use spool::Spool;
pub use stream_handle::StreamHandle;
pub use stream_options::StreamOptions;
