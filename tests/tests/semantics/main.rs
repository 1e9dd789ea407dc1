//! What a host promises, in virtual time: `sNN_…` tests statement NN of docs/semantics.md.
mod application;
mod association;
mod data;
mod dtls;
mod early;
mod end;
mod failure;
mod hiding;
mod hostile;
mod lite;
mod messages;
mod mutants;
mod peer_parameters;
mod ready;
mod rtcp_mux;
mod start;
mod table;
mod time;

use handclasp_tests::World;
use std::time::Duration;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// From now on no check of this side's is answered, so that it does not become READY, though its peer may.
fn withhold_ready(world: &mut World, side: usize) {
    const SUCCESS: [u8; 2] = [1, 1];
    let address = world.sides[side].address(1);
    world.link.drops = Box::new(move |flight| {
        flight.to.ip() == address.ip() && flight.contents.starts_with(&SUCCESS)
    });
}

/// Everything gets through again.
fn release(world: &mut World) {
    world.link.drops = Box::new(|_| false);
}
