//! `handclasp stream` as a program drives it: processes, JSON lines, real sockets on loopback.
mod connect;
mod document;
mod lines;
mod sdp;

use handclasp_tests::processes::handclasp;
use std::process::Command;

/// `handclasp stream` on loopback.
fn stream(arguments: &[&str]) -> Command {
    let mut command = handclasp();
    command.args(["stream", "--address", "127.0.0.1"]);
    command.args(arguments);
    command
}
