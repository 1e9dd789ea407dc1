use super::link::{Link, Weather};
use super::{INITIATOR, RESPONDER, Side, name_of};
use crate::cli::check::outcome::Objection;
use crate::cli::check::probe::{MTU, Probe};
use handclasp::plugin::Role;

/// Two instances that shake hands.
pub(crate) struct Pair<'p> {
    pub(crate) sides: [Side<'p>; 2],
    link: Link,
    /// When each becomes READY, until it has.
    ready_at: [Option<u64>; 2],
    /// Datagrams that have arrived at either side.
    pub(crate) delivered: u32,
}

/// How a pair meets.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) weather: Weather,
    /// Nanoseconds from the start, by side.
    pub(crate) ready_after: [u64; 2],
    /// Decides which datagrams are lost and which late.
    pub(crate) seed: u64,
    pub(crate) mtu: u16,
    /// Each call comes from another thread.
    pub(crate) fresh_threads: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            weather: Weather::FAIR,
            ready_after: [0, 0],
            seed: 1,
            mtu: MTU,
            fresh_threads: false,
        }
    }
}

impl<'p> Pair<'p> {
    /// Makes both instances. They do not know each other yet.
    pub(super) fn make(probe: &'p Probe, setup: &Setup, now: u64) -> Result<Self, Objection> {
        let side = |index| {
            let mut parameters = probe.parameters();
            parameters.mtu = setup.mtu;
            let side = Side::numbered(probe, index, parameters, setup.fresh_threads, now);
            side.check().map(|()| side)
        };
        Ok(Self {
            sides: [side(INITIATOR)?, side(RESPONDER)?],
            link: Link::new(setup.weather.clone(), setup.seed),
            ready_at: setup.ready_after.map(|after| Some(now + after)),
            delivered: 0,
        })
    }

    /// Tells each side what the other's `init` emitted.
    pub(super) fn introduce(&mut self, now: u64) {
        let [a, b] = self.init_data();
        self.introduce_as(now, [&b, &a]);
    }

    /// Tells the initiator and the responder who their peer is, truly or not.
    pub(crate) fn introduce_as(&mut self, now: u64, peers: [&[u8]; 2]) {
        let [initiator, responder] = &mut self.sides;
        initiator.set_peer(now, Role::Initiator, peers[INITIATOR]);
        responder.set_peer(now, Role::Responder, peers[RESPONDER]);
        self.collect(now);
    }

    pub(crate) fn init_data(&self) -> [Vec<u8>; 2] {
        [INITIATOR, RESPONDER].map(|side| self.sides[side].init_data.clone())
    }

    /// Whether nothing more is to be expected: both have finished, or one has failed.
    pub(crate) fn is_settled(&self) -> bool {
        self.has_finished() || self.sides.iter().any(|side| side.failure.is_some())
    }

    pub(crate) fn has_finished(&self) -> bool {
        self.sides.iter().all(Side::has_finished)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sides.iter().all(Side::is_ready)
    }

    /// A finding unless both have finished.
    pub(crate) fn check_finished(&self) -> Result<(), Objection> {
        for side in &self.sides {
            side.check()?;
        }
        let unfinished = self.sides.iter().position(|side| !side.has_finished());
        unfinished.map_or(Ok(()), |side| {
            let late = name_of(side);
            Err(Objection::finding(format!("{late} did not finish in time")))
        })
    }

    /// When [`step`](Self::step) has something to do.
    pub(super) fn due(&self) -> Option<u64> {
        let sides = self.sides.iter().map(Side::due);
        let ready = self.ready_at.iter().copied();
        sides.chain(ready).chain([self.link.due()]).flatten().min()
    }

    /// Does one thing that is due, if there is any.
    pub(super) fn step(&mut self, now: u64) {
        let arrived_ready = self
            .ready_at
            .iter()
            .position(|at| at.is_some_and(|at| at <= now));
        if let Some(side) = arrived_ready {
            self.ready_at[side] = None;
            self.sides[side].ready(now);
        } else if let Some((to, datagram)) = self.link.arrived(now) {
            self.delivered += 1;
            self.sides[to].receive(now, &datagram);
        } else {
            for side in &mut self.sides {
                side.handle_timeout(now);
            }
        }
        self.collect(now);
    }

    /// Puts what both sides have emitted on its way.
    pub(crate) fn collect(&mut self, now: u64) {
        for (from, to) in [(INITIATOR, RESPONDER), (RESPONDER, INITIATOR)] {
            while let Some(packet) = self.sides[from].poll_packet() {
                self.link.send(now, to, packet);
            }
        }
    }

    /// How many packets both sides have sent, lost ones included.
    pub(crate) fn packets_sent(&self) -> u64 {
        self.link.offered()
    }

    /// The next datagram on its way to this side.
    pub(crate) fn next_to(&self, side: usize) -> Option<&[u8]> {
        let mut datagrams = self.link.on_the_way();
        let (_, datagram) = datagrams.find(|(to, _)| *to == side)?;
        Some(datagram)
    }

    /// Everything on its way to either side.
    pub(crate) fn on_the_way(&self) -> impl Iterator<Item = &[u8]> {
        self.link
            .on_the_way()
            .map(|(_, datagram)| datagram.as_slice())
    }
}
