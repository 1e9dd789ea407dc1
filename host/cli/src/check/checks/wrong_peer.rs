use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, PATIENCE, RESPONDER, SECOND, Setup, World};
use crate::check::probe::Probe;

pub(crate) const WRONG_PEER: Check = Check {
    name: "wrong-peer",
    sentence: "A side that was told of another peer than the one it meets never finishes",
    remedy: "compare the peer's certificate or key with what set_peer brought, before HC_FINISHED",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

/// What a side is told in place of its peer's true init data.
type Lie<'a> = (&'static str, &'a dyn Fn(&[u8]) -> Vec<u8>);

fn check(probe: &Probe) -> Checked {
    if probe.extension("hc.peer/1") != Some(true) {
        return Err(Objection::skip("it does not require hc.peer/1"));
    }
    let stranger = make(probe)?.init_data.clone();
    if stranger.is_empty() {
        return Err(Objection::skip(
            "its init emits nothing that a peer could be known by",
        ));
    }
    let lies: [Lie<'_>; 4] = [
        ("another instance's init data", &|_| stranger.clone()),
        ("altered init data", &alter),
        ("empty init data", &|_| Vec::new()),
        ("meaningless init data", &|_| b"\xff\0 nonsense".to_vec()),
    ];
    for misled in [INITIATOR, RESPONDER] {
        for &lie in &lies {
            mislead(probe, misled, lie)?;
        }
    }
    Ok(())
}

fn mislead(probe: &Probe, misled: usize, (kind, lie): Lie<'_>) -> Checked {
    let mut world = World::of_strangers(probe, &[Setup::default()])?;
    let now = world.now();
    let [a, b] = world.pair().init_data();
    let mut told = [b, a];
    let lie = lie(&told[misled]);
    if lie == told[misled] {
        return Ok(()); // instances that share a certificate are one peer
    }
    told[misled] = lie;
    world
        .pair()
        .introduce_as(now, told.each_ref().map(Vec::as_slice));
    world.run(patience(probe), |pair| pair.sides[misled].is_settled());
    world.pair().sides[misled].check_unfinished(format_args!(
        "was told {kind} and finished with its peer all the same"
    ))
}

/// How long to wait for what must not happen.
pub(super) fn patience(probe: &Probe) -> u64 {
    match probe.in_real_time() {
        true => 3 * SECOND,
        false => PATIENCE,
    }
}

/// Something of the same form: other digits where there are digits at the end of a line, else other bytes.
fn alter(data: &[u8]) -> Vec<u8> {
    let mut altered = data.to_vec();
    for line in altered.split_mut(|&byte| byte == b'\n') {
        let start = line
            .iter()
            .rposition(|&byte| byte == b' ')
            .map_or(0, |space| space + 1);
        if start > 0 {
            line[start..]
                .iter_mut()
                .for_each(|byte| *byte = other_digit(*byte));
        }
    }
    if altered == data {
        altered.iter_mut().for_each(|byte| *byte ^= 1);
    }
    altered
}

pub(super) fn other_digit(byte: u8) -> u8 {
    match byte {
        b'9' => b'0',
        b'F' => b'A',
        b'f' => b'a',
        b'0'..=b'8' | b'A'..=b'E' | b'a'..=b'e' => byte + 1,
        other => other,
    }
}
