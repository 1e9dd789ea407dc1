//! Two instances of a plugin, and a network between them that exists only in memory.
//!
//! A [`World`] is what a check drives: one [`Pair`] or many side by side, under one [`Clock`]. A pair is two
//! [`Side`]s, each an instance called as a host calls it, joined by a link with its [`Weather`].
mod attack;
mod clock;
mod genuine;
mod link;
mod pair;
mod side;
mod stage;
mod world;

use handclasp::plugin::Role;

pub(crate) use attack::{Attack, Change, covered, last_record};
pub(crate) use genuine::Genuine;
pub(crate) use link::Weather;
pub(crate) use pair::{Pair, Setup};
pub(crate) use side::Side;
pub(crate) use stage::{Stage, stages};
pub(crate) use world::{PATIENCE, World};

/// Nanoseconds.
pub(crate) const MILLISECOND: u64 = 1_000_000;
/// Nanoseconds.
pub(crate) const SECOND: u64 = 1000 * MILLISECOND;

/// The indices of a pair's sides, and what to call them.
pub(crate) const INITIATOR: usize = 0;
pub(crate) const RESPONDER: usize = 1;

/// The role of a side.
pub(crate) fn role_of(side: usize) -> Role {
    match side {
        INITIATOR => Role::Initiator,
        _ => Role::Responder,
    }
}

/// What to call a side.
pub(crate) fn name_of(side: usize) -> &'static str {
    match side {
        INITIATOR => "the initiator",
        _ => "the responder",
    }
}
