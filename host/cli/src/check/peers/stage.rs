use super::{Pair, Setup, World};
use crate::check::outcome::Objection;
use crate::check::probe::Probe;
use std::fmt;

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer is known, ICE is not READY.
    Prepared,
    /// READY, and this many datagrams have arrived.
    Underway(u32),
    /// Both sides have finished.
    Finished,
}

/// Most stages between READY and the finish: a long handshake is looked at in steps.
const MAX_UNDERWAY: u32 = 6;

/// The stages of this plugin's handshake. To be skipped by a check if there is none.
pub(crate) fn stages(probe: &Probe) -> Result<Vec<Stage>, Objection> {
    let mut world = World::of_one(probe, &Setup::default())?;
    if world.pair().has_finished() {
        return Err(Objection::skip(
            "it finishes in init: no datagram reaches it",
        ));
    }
    world.finish()?;
    let datagrams = world.pair().delivered;
    let step = datagrams.div_ceil(MAX_UNDERWAY).max(1);
    let underway = (0..datagrams).step_by(step as usize).map(Stage::Underway);
    let last = Stage::Finished;
    Ok([Stage::Prepared]
        .into_iter()
        .chain(underway)
        .chain([last])
        .collect())
}

impl Stage {
    /// A pair that has come this far.
    pub(crate) fn reach(self, probe: &Probe) -> Result<World<'_>, Objection> {
        let mut world = World::of_one(probe, &Setup::default())?;
        match self {
            Self::Prepared => {}
            Self::Underway(datagrams) => {
                let ready = |pair: &Pair<'_>| pair.is_ready() && pair.delivered >= datagrams;
                world.run(super::PATIENCE, |pair| ready(pair) || pair.is_settled());
            }
            Self::Finished => world.finish()?,
        }
        Ok(world)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepared => write!(f, "before READY"),
            Self::Underway(0) => write!(f, "at READY"),
            Self::Underway(1) => write!(f, "after the first datagram"),
            Self::Underway(datagrams) => write!(f, "after {datagrams} datagrams"),
            Self::Finished => write!(f, "after the finish"),
        }
    }
}
