use super::clock::Clock;
use super::{MILLISECOND, Pair, SECOND, Setup, name_of};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;

/// How long a handshake may take, in nanoseconds: the host's default, from READY.
pub(crate) const PATIENCE: u64 = 30 * SECOND;

/// In real time, how long to wait at most before looking whether a plugin has asked to be woken.
const GLANCE: u64 = 2 * MILLISECOND;

/// Pairs side by side, under one clock.
pub(crate) struct World<'p> {
    pub(crate) pairs: Vec<Pair<'p>>,
    clock: Clock,
    real: bool,
    probe: &'p Probe,
}

impl<'p> World<'p> {
    /// One pair, about to begin.
    pub(crate) fn of_one(probe: &'p Probe, setup: &Setup) -> Result<Self, Objection> {
        Self::of(probe, std::slice::from_ref(setup))
    }

    /// A pair for each setup, about to begin.
    pub(crate) fn of(probe: &'p Probe, setups: &[Setup]) -> Result<Self, Objection> {
        let mut world = Self::of_strangers(probe, setups)?;
        let now = world.now();
        world.pairs.iter_mut().for_each(|pair| pair.introduce(now));
        Ok(world)
    }

    /// Pairs whose sides do not know each other yet.
    pub(crate) fn of_strangers(probe: &'p Probe, setups: &[Setup]) -> Result<Self, Objection> {
        let real = probe.in_real_time();
        let clock = Clock::start(real);
        let pair = |setup| Pair::make(probe, setup, clock.now());
        let pairs = setups.iter().map(pair).collect::<Result<_, _>>()?;
        Ok(Self {
            pairs,
            clock,
            real,
            probe,
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Lets time pass unnoticed.
    pub(crate) fn jump(&mut self, nanoseconds: u64) {
        self.probe.notes.waiting();
        self.clock.advance_to(self.now() + nanoseconds);
    }

    /// Runs until all pairs are `done`, but not longer than this many nanoseconds.
    pub(crate) fn run(&mut self, nanoseconds: u64, done: impl Fn(&Pair<'p>) -> bool) {
        let end = self.now() + nanoseconds;
        loop {
            let waiting = self.pairs.iter().filter(|pair| !done(pair));
            let glance = self.real.then(|| self.now() + GLANCE);
            let due = waiting.clone().filter_map(Pair::due).chain(glance).min();
            let Some(due) = due.filter(|&due| due <= end && waiting.count() > 0) else {
                break;
            };
            if self.real {
                self.probe.notes.waiting();
            }
            self.clock.advance_to(due);
            let now = self.now();
            for pair in &mut self.pairs {
                while !done(pair) && pair.due().is_some_and(|due| due <= now) {
                    pair.step(now);
                }
            }
        }
    }

    /// Runs for this many nanoseconds, whatever happens.
    pub(crate) fn wait(&mut self, nanoseconds: u64) {
        let end = self.now() + nanoseconds;
        self.run(nanoseconds, |_| false);
        self.probe.notes.waiting();
        self.clock.advance_to(end);
    }

    /// Runs until every handshake is over. A finding unless all have finished.
    pub(crate) fn finish(&mut self) -> Checked {
        self.run(PATIENCE, Pair::is_settled);
        for pair in &self.pairs {
            pair.check_finished()?;
        }
        Ok(())
    }

    /// The only pair.
    pub(crate) fn pair(&mut self) -> &mut Pair<'p> {
        &mut self.pairs[0]
    }

    /// Passes a datagram to one side of the only pair, as if its peer had sent it.
    pub(crate) fn inject(&mut self, side: usize, datagram: &[u8]) {
        let now = self.now();
        let pair = self.pair();
        pair.sides[side].receive(now, datagram);
        pair.collect(now);
    }

    /// A finding if a side of the only pair has failed; `after` says what came before.
    pub(crate) fn check_alive(&self, after: &str) -> Checked {
        for (index, side) in self.pairs[0].sides.iter().enumerate() {
            if let Some(failure) = &side.failure {
                let side = name_of(index);
                let finding = Objection::finding(format!("{side} failed {after}: {failure}"));
                return Err(finding.seen_in(self.pairs[0].run.number));
            }
        }
        Ok(())
    }
}
