//! `handclasp new`: what it writes builds as it says, and is a handshake, the same one in every language.
#![cfg(unix)]

mod demo;
mod handshake;
mod installed;
mod project;
mod readme;
mod refusals;
mod written;
