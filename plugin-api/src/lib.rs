//! Write a Handclasp handshake plugin in safe Rust.
//!
//! A plugin is a `cdylib` with one type that implements [`Handshake`] and one [`export!`] that names it. The
//! host makes one instance for each ICE component, tells it what happens, and carries its packets:
//!
//! 1. [`Handshake::init`], once, before candidates are gathered. It may take long: no other stream waits.
//! 2. [`Peer::set_peer`], once, if declared: the peer's parameters and who starts.
//! 3. [`Handshake::connection_ready`], once, when ICE has a selected pair.
//! 4. [`Handshake::recv_from_peer`] for each datagram, [`Timer::on_deadline`] when one is due.
//! 5. [`Status::Finished`] with [`Call::handshake_data`]: the handshake is over, the instance stays for
//!    retransmissions and alerts.
//! 6. [`Close::close`] if declared, then `drop`.
//!
//! Never two calls at a time on one instance; the thread may change in between. A panic is caught, reported
//! as this instance's failure, and the instance is only dropped after it.
//!
//! ```ignore
#![doc = include_str!("../examples/hello.rs")]
//! ```
#[cfg(panic = "abort")]
compile_error!(
    "a Handclasp plugin must be built with panic = \"unwind\": a panic is this instance's failure, not the host's end"
);

mod error;
mod export;
mod handshake;
mod option;

pub use error::{Error, ErrorKind, Result};
pub use export::{Call, Host, Init, Level, Time, Waker};
pub use handshake::{
    Classify, Close, Export, FirstBytes, Handshake, Inspect, Peer, PeerParameters, Role, Started,
    Status, Timer, Wake,
};
pub use option::OptionSpec;

#[doc(hidden)]
pub mod macro_support {
    //! What [`export!`](crate::export) expands to; not for authors.
    pub use crate::export::{Descriptor, Tables, extension, text};
    pub use handclasp_abi as abi;
}
