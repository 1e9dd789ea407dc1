use crate::check::forged::{Forgery, Moment, kinds};
use crate::check::outcome::Objection;
use crate::check::peers::{
    Attack, Change, Genuine, INITIATOR, RESPONDER, Setup, World, last_record, name_of, role_of,
};
use crate::check::probe::Probe;
use std::fmt;

/// A forged datagram that comes to a side.
#[derive(Clone, Copy)]
pub(super) struct Trial {
    pub(super) forgery: Forgery,
    pub(super) to: usize,
    /// In a handshake, when, and how many datagrams have come to that side before it.
    at: Option<(Moment, u32)>,
    /// Added to the probe's seed: how often this kind has been forged before.
    round: u64,
}

impl Trial {
    pub(super) fn setup(&self) -> Setup {
        let attack = self.at.map(|(moment, number)| Attack {
            to: self.to,
            number,
            change: match moment {
                Moment::First | Moment::Last => Change::Preceded(self.forgery),
                Moment::Between => Change::Parted(self.forgery),
            },
        });
        Setup {
            is_taped: true,
            seed: self.round,
            attack,
            ..Setup::default()
        }
    }

    /// Why it may end the handshake, if it may.
    pub(super) fn excuse(&self) -> Option<&'static str> {
        let (moment, _) = self.at?;
        self.forgery.kind.excuse(role_of(self.to), moment)
    }

    /// The same kind, forged anew.
    pub(super) fn again(&self, round: u64) -> Forgery {
        Forgery {
            seed: self.forgery.seed.wrapping_add(round),
            ..self.forgery
        }
    }

    /// Who says the farewell that the other is to hear.
    pub(super) fn closer(&self) -> usize {
        match self.forgery.seed % 2 {
            0 => self.to,
            _ => 1 - self.to,
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, to) = (self.forgery.kind.name, name_of(self.to));
        match self.at {
            Some((moment, _)) => write!(f, "{kind} {moment} to {to}"),
            None => write!(f, "{kind} to {to}"),
        }
    }
}

/// Each kind to each side, at each of its moments.
pub(super) fn trials(
    probe: &Probe,
    rounds: u64,
    moments: impl Fn(usize) -> Vec<Option<(Moment, u32)>>,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for to in [INITIATOR, RESPONDER] {
        for at in moments(to) {
            for (index, kind) in (0..).zip(kinds()) {
                trials.extend((0..rounds).map(|round| {
                    let seed = probe.seed.wrapping_add(index * 1_000_003 + round);
                    let forgery = Forgery { kind, seed };
                    Trial {
                        forgery,
                        to,
                        at,
                        round,
                    }
                }));
            }
        }
    }
    trials
}

/// The moments of a side's handshake, and how many datagrams have come to it before.
pub(super) fn moments(genuine: &Genuine, to: usize) -> Vec<Option<(Moment, u32)>> {
    let Some(last) = genuine.needed[to].checked_sub(1) else {
        return Vec::new(); // it finishes unasked
    };
    let datagram = genuine.tape[to].get(last as usize);
    let has_records = datagram.is_some_and(|datagram| last_record(datagram).is_some());
    [
        Some((Moment::First, 0)),
        (last > 0).then_some((Moment::Last, last)),
        has_records.then_some((Moment::Between, last)),
    ]
    .into_iter()
    .filter(Option::is_some)
    .collect()
}

/// As many of them as a check has time for, spread over all; all, if it was told how often.
pub(super) fn affordable(probe: &Probe, trials: Vec<Trial>) -> Result<Vec<Trial>, Objection> {
    if probe.rounds.is_some() {
        return Ok(trials);
    }
    let each = probe.cost_of(|| World::of_one(probe, &Setup::default())?.finish())?;
    let all = u32::try_from(trials.len()).unwrap_or(u32::MAX);
    let step = all.div_ceil(probe.affordable(all, each)).max(1) as usize;
    let first = probe.seed as usize % step;
    Ok(trials.into_iter().skip(first).step_by(step).collect())
}
