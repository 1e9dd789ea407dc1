//! What a host promises, in virtual time: `sNN_…` tests statement NN of docs/semantics.md.
mod application;
mod association;
mod calls;
mod convergence;
mod data;
mod dtls;
mod early;
mod end;
mod export;
mod failure;
mod flights;
mod hiding;
mod hostile;
mod lawful;
mod lite;
mod messages;
mod mutants;
mod network;
mod path;
mod paths;
mod peer_parameters;
mod ready;
mod reasons;
mod relayed;
mod rtcp_mux;
mod security;
mod start;
mod table;
mod time;

use handclasp_tests::World;
use is::stun::StunMessage;
use std::time::Duration;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// From now on this side does not become READY, though its peer may: a controlling one gets no answer to its checks,
/// a controlled one, which the second of a pair is, no nomination.
fn withhold_ready(world: &mut World, side: usize) {
    const SUCCESS: [u8; 2] = [1, 1];
    let address = world.sides[side].address(1);
    world.link.drops = Box::new(move |flight| {
        let makes_ready = match side % 2 {
            0 => flight.contents.starts_with(&SUCCESS),
            _ => nominates(&flight.contents),
        };
        flight.to.ip() == address.ip() && makes_ready
    });
}

/// Whether it is a check with USE-CANDIDATE.
fn nominates(datagram: &[u8]) -> bool {
    StunMessage::parse(datagram).is_ok_and(|message| message.use_candidate())
}

/// Everything gets through again.
fn release(world: &mut World) {
    world.link.drops = Box::new(|_| false);
}
