//! A session on file: what an operator needs to see afterwards why two peers connected, or did not.
//!
//! A trace is a file of JSON lines, described in docs/trace.md: candidates, checks, selected pairs, calls into
//! the plugin, and every datagram's length and kind. It has no secrets in it: of what datagrams contain, only
//! STUN messages and DTLS records are kept.
//!
//! - [`TraceFile`] is a file being written, by a thread of its own;
//! - [`Recorder`] notes what happens to one stream;
//! - [`Record`] is a line, [`Trace`] a file that was read.
mod call;
mod contents;
mod datagram;
mod dtls;
mod file;
mod missed;
mod notification;
mod queue;
mod read;
mod record;
mod recorder;
mod relay;
mod stun;
#[cfg(test)]
mod tests;

pub(crate) use call::CallRecorder;
pub use call::{CallRecord, Status};
pub use datagram::{Datagram, Direction, Fate, Kind, Transport};
pub use dtls::{DtlsRecord, dtls_records};
pub use file::{TraceError, TraceFile};
pub use missed::Missed;
pub use read::{ReadError, Trace};
pub use record::{Header, Record, What};
pub use recorder::Recorder;
pub(crate) use relay::RelayRecorder;
pub use stun::{Stun, StunClass};
