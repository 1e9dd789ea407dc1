use super::authenticates;
use super::wrong_secret::secrets;
use crate::check::definition::{Check, Run};
use crate::check::outcome::Checked;
use crate::check::peers::{INITIATOR, MILLISECOND, RESPONDER, Setup, World, role_of, stages};
use crate::check::probe::Probe;

pub(crate) const REPLAY: Check = Check {
    name: "replay",
    sentence: "Nobody finishes with a peer that only repeats an earlier handshake's datagrams",
    remedy: "bind what each side proves to a nonce that the other one drew for this handshake",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

/// How often all datagrams are repeated.
const ROUNDS: u32 = 3;

/// A handshake of before.
struct Earlier {
    init_data: [Vec<u8>; 2],
    /// What came to each side.
    tape: [Vec<Vec<u8>>; 2],
}

fn check(probe: &Probe) -> Checked {
    authenticates(probe)?;
    stages(probe)?;
    let setup = Setup {
        is_taped: true,
        ..Setup::default()
    };
    let mut world = World::of_one(probe, &setup)?;
    world.finish()?;
    let pair = world.pair();
    let earlier = Earlier {
        init_data: pair.init_data(),
        tape: pair.tape.take().unwrap_or_default(),
    };
    let needed = pair.needed;
    for victim in [INITIATOR, RESPONDER] {
        if needed[victim] == Some(0) {
            continue; // it finishes unasked
        }
        repeat(probe, &earlier, victim, false)?;
        // Where the secret is all there is to prove, the peer's init data may be an old one, too.
        if !secrets(probe).is_empty() {
            repeat(probe, &earlier, victim, true)?;
        }
    }
    Ok(())
}

/// Lets one side meet nobody but the tape; it is told the init data of a new peer, or of the one on the tape.
fn repeat(probe: &Probe, earlier: &Earlier, victim: usize, old_init_data: bool) -> Checked {
    const NEVER: u64 = u64::MAX / 4;
    let mut setup = Setup::default();
    setup.ready_after[1 - victim] = NEVER;
    let mut world = World::of_strangers(probe, &[setup])?;
    let told = match old_init_data {
        true => earlier.init_data[1 - victim].clone(),
        false => world.pair().sides[1 - victim].init_data.clone(),
    };
    let now = world.now();
    world.pair().sides[victim].set_peer(now, role_of(victim), &told);
    world.run(50 * MILLISECOND, |_| false);
    for datagram in (0..ROUNDS).flat_map(|_| &earlier.tape[victim]) {
        world.inject(victim, datagram);
        world.run(10 * MILLISECOND, |_| false);
    }
    let known = match old_init_data {
        true => " and init data",
        false => "",
    };
    world.pair().sides[victim].check_unfinished(format_args!(
        "finished with a peer that only repeated the datagrams{known} of an earlier handshake"
    ))
}
