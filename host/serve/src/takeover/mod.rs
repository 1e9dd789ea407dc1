//! A daemon that takes the place of a running one, whose streams go on.
//!
//! The new one asks the running one over its control socket, with the request `takeover`, in three steps: an `offer` tells
//! what there is; the `descriptors` of it follow, which only another process of the same user or root gets; with `commit`
//! the new one takes them for good. Before that the running daemon does all that it did, and goes on if the connection
//! ends. After it that one takes no connection more, has a control socket of its own for those who ask for its streams,
//! and ends with the last of them.
mod ask;
mod descriptors;
mod estate;

pub use ask::AskError;
pub(crate) use ask::{Claim, ask};
pub(crate) use descriptors::send;
pub(crate) use estate::{Estate, Listeners, Lock};
