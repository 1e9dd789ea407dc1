//! The one layer that touches the system: sockets, the clock, and an event loop per core.
//!
//! A loop owns streams and sockets. One turn of it: take what other threads asked, receive in batches, let
//! time pass, then carry requests, datagrams and notifications out of every stream that is dirty.
//!
//! - `event_loop`: that turn;
//! - `token`: what an event of the system's is of;
//! - `new_stream`: what a host hands to a loop;
//! - `stream_driver`: a stream on its loop, and carrying out what it wants;
//! - `application`: whom a stream reports to;
//! - `backend`: who carries out a stream's calls into its plugin;
//! - `mailbox`: what other threads ask of a loop;
//! - `id_map`: maps by the ids of streams;
//! - `instances`: which loop and stream a handshake instance is of, for plugins' wakes;
//! - `keys`: which stream and component is meant, and where it has its sockets and listeners;
//! - `bindings`: sockets or listeners, a stream's own and shared ones;
//! - `sockets`: a loop's UDP sockets;
//! - `socket`: one of them, as the system has it;
//! - `receiver`, `batch`: what comes and what leaves, many datagrams at a time;
//! - `send_many`: the system's call for that;
//! - `departures`: how many leave, in how many calls;
//! - `backlog`: bytes that wait for a connection;
//! - `demux`: which component a datagram is for;
//! - `bind`: local addresses, and sockets bound to them;
//! - `relay`: connections to TURN servers;
//! - `tcp`: connections to peers, and listeners for them;
//! - `timers`: when each stream wants to be called;
//! - `mdns`: names on the local network: asking for a peer's, and answering for our own;
//! - `helpers`: threads for what may take long: calls of `init`, and names;
//! - `loss`: datagrams dropped on purpose;
//! - `watch`: loops that do not turn any more.
mod application;
mod backend;
mod backlog;
mod batch;
mod bind;
mod bindings;
mod demux;
mod departures;
mod event_loop;
mod fragments;
mod helpers;
mod id_map;
mod instances;
mod interfaces;
mod keys;
mod loss;
mod mailbox;
mod mdns;
mod new_stream;
mod receiver;
mod relay;
mod send_many;
mod share;
mod socket;
mod sockets;
mod stream_driver;
mod tcp;
mod timers;
mod token;
mod watch;

pub use application::{Application, Replies};
pub use bind::{BindError, BindOptions, Family};
pub(crate) use departures::DepartureCounter;
pub use departures::Departures;
pub(crate) use event_loop::EventLoop;
pub(crate) use helpers::{MAX_OVERDUE, Pools};
pub(crate) use instances::Instances;
pub use loss::Loss;
pub(crate) use mailbox::{Command, Mailbox};
pub use mailbox::{Outbox, PostError};
pub(crate) use mdns::Responder;
pub(crate) use new_stream::NewStream;
pub use relay::TrustError;
pub(crate) use relay::client_config;
pub(crate) use watch::{Pulse, Watch};
