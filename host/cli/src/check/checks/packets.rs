use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{PATIENCE, Setup, World, stages};
use crate::check::probe::{MTU, Probe};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub(crate) const PACKETS: Check = Check {
    name: "packets",
    sentence: "Its packets keep within the MTU it is told, and the peer's host takes them for the handshake's",
    remedy: "fragment to hc_init.mtu, name all first bytes in hc.classify/1, and choose them in 20..63 (RFC 7983)",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// Bytes: what is left of the smallest path of IPv6 under a relay, for example.
const SMALL: u16 = 600;

fn check(probe: &Probe) -> Checked {
    stages(probe)?;
    [MTU, SMALL].into_iter().try_for_each(|mtu| at(probe, mtu))
}

fn at(probe: &Probe, mtu: u16) -> Checked {
    let setup = Setup {
        mtu,
        ..Setup::default()
    };
    let mut world = World::of_one(probe, &setup)?;
    let seen = RefCell::new(BTreeSet::new());
    world.run(PATIENCE, |pair| {
        seen.borrow_mut()
            .extend(pair.on_the_way().filter_map(<[u8]>::first).copied());
        pair.is_settled()
    });
    seen.into_inner().into_iter().try_for_each(is_free)?;
    world.pair().check_drops()?;
    world.pair().check_finished()
}

/// RFC 7983, section 7.
fn is_free(first: u8) -> Checked {
    let whose = match first {
        0..=3 => "STUN",
        64..=79 => "TURN channels",
        128..=191 => "RTP",
        _ => return Ok(()),
    };
    Err(Objection::finding(format!(
        "it sends packets that begin with {first:#04x}, which is for {whose}"
    )))
}
