//! `handclasp stream` as a program drives it: processes, JSON lines, real sockets on loopback.
mod connect;
mod converge;
mod document;
mod lines;
mod sdp;
mod stranger;
mod unread;

use handclasp_tests::processes::handclasp_stream;
use std::process::Command;

/// `handclasp stream` on loopback.
fn stream(arguments: &[&str]) -> Command {
    let mut command = handclasp_stream();
    command.args(["--address", "127.0.0.1"]).args(arguments);
    command
}
