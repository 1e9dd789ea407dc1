//! JSON lines: how a program of any language drives a stream and hears from it.
//!
//! Each line is one JSON object. What comes in has a member `message`, what goes out a member `event`;
//! docs/json-lines.md describes all of them. Binary values are base64 (RFC 4648, section 4).
//!
//! - [`Reader`] splits what comes in into lines of bounded length and reads them;
//! - [`Input`] is what one of them says, [`Addressed`] the same where many streams share a connection;
//! - [`Event`] writes a notification, [`PayloadEvent`] a datagram from the peer, [`ErrorEvent`] a complaint about a line.
mod error;
mod event;
mod fields;
mod input;
mod reader;
#[cfg(test)]
mod tests;

pub use error::{ParseError, Reason};
pub use event::{ErrorEvent, Event, PayloadEvent, Secrets, event_names};
pub use input::{Addressed, Input, MAX_PAYLOAD, messages};
pub use reader::{MAX_LINE, Numbered, Reader};
