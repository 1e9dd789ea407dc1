//! A daemon that takes the place of a running one, whose streams go on.
//!
//! The new one asks the running one over its control socket, with the request `takeover`, in four steps. An `offer` tells
//! what there is; its `descriptors` follow, which only a process of the same user or root gets. At `commit` the running
//! daemon stops to take connections; and with `ready` the place is the new one's for good. The running daemon goes on as
//! before if the connection ends before that. After it, it has a control socket of its own for those who ask for its
//! streams, and ends with the last of them.
mod descriptors;
mod estate;
mod give;
mod take;

pub(crate) use descriptors::send;
pub(crate) use estate::{Estate, Listeners, Lock, Offer};
pub(crate) use give::{Giving, NotGiven, Stage};
pub use take::AskError;
pub(crate) use take::{Claim, ask};
