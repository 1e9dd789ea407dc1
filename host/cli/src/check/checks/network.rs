use crate::check::definition::{Check, Run};
use crate::check::outcome::Checked;
use crate::check::peers::{MILLISECOND, PATIENCE, Pair, Setup, Weather, World, stages};
use crate::check::probe::Probe;

const RETRANSMIT: &str = "repeat what is unanswered with hc.timer/1, after 250 ms at most and then every second, and \
                          with hc.classify/1 answer a peer that repeats itself after the finish";

pub(crate) const LOSS_10: Check = Check {
    name: "loss-10",
    sentence: "Every handshake finishes within 30 s where 10 % of the datagrams are lost each way",
    remedy: RETRANSMIT,
    needs: Some("call-times"),
    run: Run::Calling(|probe| survive(probe, &Weather::with_loss(10))),
};

pub(crate) const LOSS_30: Check = Check {
    name: "loss-30",
    sentence: "Every handshake finishes within 30 s where 30 % of the datagrams are lost each way",
    remedy: RETRANSMIT,
    needs: Some("call-times"),
    run: Run::Calling(|probe| survive(probe, &Weather::with_loss(30))),
};

pub(crate) const LOSS_50: Check = Check {
    name: "loss-50",
    sentence: "Nearly every handshake finishes within 30 s where half of the datagrams are lost each way",
    remedy: RETRANSMIT,
    needs: Some("call-times"),
    run: Run::Calling(loss_50),
};

pub(crate) const DUPLICATION: Check = Check {
    name: "duplication",
    sentence: "Every handshake finishes where each datagram arrives twice",
    remedy: "answer a repeated datagram as the first one, or ignore it",
    needs: Some("call-times"),
    run: Run::Calling(|probe| {
        let weather = Weather {
            duplicated: 100,
            delay: 5 * MILLISECOND..=80 * MILLISECOND,
            ..Weather::FAIR
        };
        survive(probe, &weather)
    }),
};

pub(crate) const REORDERING: Check = Check {
    name: "reordering",
    sentence: "Every handshake finishes where datagrams overtake each other",
    remedy: "keep or ignore what comes too early, and repeat what is unanswered",
    needs: Some("call-times"),
    run: Run::Calling(|probe| {
        let weather = Weather {
            delay: MILLISECOND..=400 * MILLISECOND,
            ..Weather::FAIR
        };
        survive(probe, &weather)
    }),
};

/// Handshakes of which all must finish.
const HANDSHAKES: u32 = 100;

fn survive(probe: &Probe, weather: &Weather) -> Checked {
    finish(probe, weather, 0)
}

/// Nine of ten: a flight of several datagrams has little chance to arrive whole.
fn loss_50(probe: &Probe) -> Checked {
    finish(probe, &Weather::with_loss(50), 10)
}

/// Runs the handshakes side by side; at most this many percent may remain unfinished, or one if any may.
fn finish(probe: &Probe, weather: &Weather, percent: usize) -> Checked {
    // Where datagrams are lost it takes twice as long, or more.
    let each = 2 * probe.cost_of(|| stages(probe).map(drop))?;
    let setups = (0..probe.affordable(HANDSHAKES, each)).map(|seed| Setup {
        weather: weather.clone(),
        seed: seed.into(),
        ..Setup::default()
    });
    let mut world = World::of(probe, &setups.collect::<Vec<_>>())?;
    world.run(PATIENCE, Pair::is_settled);
    let all = world.pairs.len();
    let mut unfinished = world
        .pairs
        .iter()
        .filter_map(|pair| pair.check_finished().err());
    let Some(first) = unfinished.next() else {
        return Ok(());
    };
    match 1 + unfinished.count() {
        few if few <= (all * percent).div_ceil(100) => Ok(()),
        many => Err(first.after(format!(
            "{many} of {all} handshakes did not finish: in the first"
        ))),
    }
}
