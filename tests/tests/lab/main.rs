//! The network laboratory: streams in networks of their own, with loss, NATs, and addresses that change.
mod addresses;
mod announced;
mod components;
mod filters;
mod fragments;
mod hidden;
mod internet;
mod loss;
mod nats;
mod outage;
mod paths;
mod refused;
mod relays;
mod segment;
mod streams;
mod switch;
mod tcp;
mod together;

use handclasp_tests::{Lacking, skip};

/// Runs a test that needs more than every machine has.
fn run(test: &str, body: impl FnOnce() -> Result<(), Lacking>) {
    if let Err(lacking) = body() {
        skip(test, &lacking);
    }
}
