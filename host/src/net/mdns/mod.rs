//! Names on the local network (RFC 6762), behind which ICE hides addresses.
//!
//! - `resolver`: asks what a peer's name stands for;
//! - `responder`: the thread that answers for our own names;
//! - `records`: what it says, and when, without a socket;
//! - `messages`: the packets;
//! - `socket`: the group that all of this goes through.
//!
//! Everything goes over IPv4: a network without it has no names here. What a name stands for may be IPv6.
mod messages;
mod records;
mod resolver;
mod responder;
mod socket;

pub(super) use resolver::resolve;
pub(crate) use responder::{Registration, Responder};
