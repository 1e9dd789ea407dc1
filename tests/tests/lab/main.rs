//! The network laboratory: streams in networks of their own, with loss, NATs, and addresses that change.
mod announced;
mod components;
mod filters;
mod hidden;
mod internet;
mod loss;
mod nats;
mod outage;
mod relays;
mod segment;
mod streams;
mod switch;
mod tcp;
mod together;

use handclasp_tests::{Lacking, skip};
use std::process::{Command, Stdio};

/// Runs a test that needs more than every machine has.
fn run(test: &str, body: impl FnOnce() -> Result<(), Lacking>) {
    if let Err(lacking) = body() {
        skip(test, &lacking);
    }
}

/// Whether this machine has a command, which Debian's `package` brings.
fn need(command: &str, package: &str) -> Result<(), Lacking> {
    let status = Command::new(command)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(_) => Ok(()),
        Err(error) => Err(Lacking(format!(
            "cannot run {command} ({error}): install {package}"
        ))),
    }
}
