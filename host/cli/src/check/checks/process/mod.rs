//! What belongs to the whole process, and so neither to a plugin nor to an instance.
mod leftovers;
mod settings;
mod signals;
mod streams;

pub(crate) use leftovers::LEFTOVERS;
pub(crate) use settings::SETTINGS;
pub(crate) use signals::SIGNALS;
pub(crate) use streams::STREAMS;

use crate::check::outcome::Objection;
use crate::check::peers::{INITIATOR, Setup, World};
use crate::check::probe::Probe;

/// A handshake that is finished, one side of it closed.
fn handshake(probe: &Probe) -> Result<World<'_>, Objection> {
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let now = world.now();
    world.pair().sides[INITIATOR].close(now);
    Ok(world)
}
