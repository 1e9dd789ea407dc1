//! UDP sockets, and datagrams by them, many at a time.
//!
//! - `sockets`: those of a loop;
//! - `socket`: one of them, as the system has it;
//! - `buffers`: what the system keeps for it;
//! - `fragments`: datagrams that are larger than a packet;
//! - `receiver`, `batch`: what comes and what leaves;
//! - `send_many`: the system's call for that.
pub(super) mod batch;
pub(super) mod buffers;
pub(super) mod fragments;
pub(super) mod receiver;
pub(super) mod send_many;
pub(super) mod socket;
pub(super) mod sockets;
