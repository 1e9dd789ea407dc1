//! What the tests share: plugins and C fixtures, and streams joined by a simulated network in virtual time.
//!
//! A [`World`] holds pairs of streams, a lossy [`Link`] between them, the delay of their signalling, and a
//! [`Backend`] that carries out their calls into plugins: at once, or later and in another order. Nothing
//! sleeps, and the seed of a world decides everything in it but credentials and what a plugin draws itself.
//!
//! [`processes`] are streams in real time, as programs of any language drive them, and a [`Namespace`] is a
//! network that they have to themselves.
mod backend;
mod coturn;
mod daemon;
mod event;
mod fixture;
pub mod http;
mod in_time;
mod journal;
mod link;
mod memory;
mod namespace;
mod openssl;
mod other_user;
mod output;
mod party;
mod plugins;
mod post;
pub mod processes;
mod prometheus;
mod scripted;
mod sent;
mod side;
mod signalling;
mod signals;
mod skip;
mod srtp_keys;
mod stun;
mod traced;
mod turn;
mod venv;
mod world;

pub use backend::Backend;
pub use coturn::{Coturn, Identity};
pub use daemon::{Controller, Daemon, free_port};
pub use event::Event;
pub use fixture::{cc, fixture, header_example};
pub use in_time::{await_that, in_time};
pub use journal::{Entry, Journal};
pub use link::{Flight, Link};
pub use memory::resident;
pub use namespace::Namespace;
pub use openssl::openssl_flags;
pub use other_user::OtherUser;
pub use output::text;
pub use party::Party;
pub use plugins::{built, load, plugin, plugins, program, release, target_directory};
pub use post::Post;
pub use prometheus::{Prometheus, free_tcp_address};
pub use scripted::Scripted;
pub use sent::stun_sent;
pub use side::Side;
pub use signalling::Signalling;
pub use signals::heard;
pub use skip::{Lacking, is_had, is_here, need, skip};
pub use srtp_keys::SrtpKeys;
pub use stun::{authentic, binding_request};
pub use traced::Traced;
pub use venv::Venv;
pub use world::{World, for_each_backend};
