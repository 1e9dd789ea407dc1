use super::attack::Attack;
use super::link::{Link, Weather};
use super::{INITIATOR, RESPONDER, Side, name_of, role_of};
use crate::check::forged::Forgery;
use crate::check::ladder::Run;
use crate::check::outcome::Objection;
use crate::check::probe::{MTU, Probe, Settings};
use crate::trace::ladder::{End, Shape, Tone};
use crate::trace::words;
use std::sync::Arc;

/// Two instances that shake hands.
pub(crate) struct Pair<'p> {
    pub(crate) sides: [Side<'p>; 2],
    probe: &'p Probe,
    pub(crate) run: Run,
    link: Link,
    /// When each becomes READY, until it has.
    ready_at: [Option<u64>; 2],
    /// Datagrams that have arrived at either side.
    pub(crate) delivered: u32,
    /// Datagrams that have come to each side.
    pub(crate) received: [u32; 2],
    /// How many of them each side needed to finish, once it has.
    pub(crate) needed: [Option<u32>; 2],
    /// What has come to each side, if that is to be kept.
    pub(crate) tape: Option<[Vec<Vec<u8>>; 2]>,
    pub(crate) attack: Option<Attack>,
    /// Whether the attack has taken place.
    pub(crate) is_attacked: bool,
}

/// What to do where a host drops a plugin's own packets.
const CLASSIFY: &str = "name in hc.classify/1's map the first byte of each packet it sends (byte v is bit v % 8 of \
                        first_bytes[v / 8]), and let is_handshake know them";

/// How a pair meets.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) weather: Weather,
    /// Nanoseconds from the start, by side.
    pub(crate) ready_after: [u64; 2],
    /// Added to the probe's, decides which datagrams are lost and which late.
    pub(crate) seed: u64,
    pub(crate) mtu: u16,
    /// Each call comes from another thread.
    pub(crate) fresh_threads: bool,
    /// What each side is given, if not what the probe has.
    pub(crate) options: [Option<Settings>; 2],
    /// Whether what arrives is kept.
    pub(crate) is_taped: bool,
    pub(crate) attack: Option<Attack>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            weather: Weather::FAIR,
            ready_after: [0, 0],
            seed: 0,
            mtu: MTU,
            fresh_threads: false,
            options: [None, None],
            is_taped: false,
            attack: None,
        }
    }
}

impl<'p> Pair<'p> {
    /// Makes both instances. They do not know each other yet.
    pub(super) fn make(probe: &'p Probe, setup: &Setup, now: u64) -> Result<Self, Objection> {
        let run = probe
            .recording
            .begin(probe.seed.wrapping_add(setup.seed), now);
        let side = |index| {
            let mut parameters = probe.parameters();
            parameters.mtu = setup.mtu;
            if let Some(options) = &setup.options[index] {
                parameters.options = Arc::clone(options);
            }
            let side = Side::of_pair(probe, index, run, parameters, setup.fresh_threads);
            side.check().map(|()| side)
        };
        Ok(Self {
            sides: [side(INITIATOR)?, side(RESPONDER)?],
            probe,
            run,
            link: Link::new(setup.weather.clone(), run.seed),
            ready_at: setup.ready_after.map(|after| Some(now + after)),
            delivered: 0,
            received: [0; 2],
            needed: [None; 2],
            tape: setup.is_taped.then(Default::default),
            attack: setup.attack,
            is_attacked: false,
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
        initiator.set_peer(now, role_of(INITIATOR), peers[INITIATOR]);
        responder.set_peer(now, role_of(RESPONDER), peers[RESPONDER]);
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

    /// Whether both sides still have their instance.
    pub(crate) fn is_live(&self) -> bool {
        self.sides.iter().all(Side::is_live)
    }

    /// Whether no side has: both have closed, or failed.
    pub(crate) fn is_over(&self) -> bool {
        !self.sides.iter().any(Side::is_live)
    }

    /// A finding if a side that has not failed has closed.
    pub(crate) fn check_live(&self) -> Result<(), Objection> {
        let closed = self.sides.iter().position(|side| !side.is_live());
        closed.map_or(Ok(()), |side| {
            let closed = format!("{} believed that its peer had closed", name_of(side));
            Err(Objection::finding(closed).seen_in(self.run.number))
        })
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
        unfinished.map_or(Ok(()), |side| Err(self.is_late(side)))
    }

    /// A side did not finish in time, and what of that can be told from here.
    fn is_late(&self, side: usize) -> Objection {
        let late = format!("{} did not finish in time", name_of(side));
        if let Err(drops) = self.check_drops() {
            return drops.after(late);
        }
        let declares_peer = self.probe.extension("hc.peer/1").is_some();
        let finding = match declares_peer {
            true => Objection::finding(late),
            false => Objection::finding(
                late + ", and does not declare hc.peer/1: no set_peer tells it its role and \
                                               its peer's init data",
            )
            .remedied(
                "if it needs to know its peer, name hc.peer/1 and its table among the extensions",
            ),
        };
        finding.seen_in(self.run.number)
    }

    /// A finding if a host drops one of the plugin's own packets while the handshake is in progress.
    pub(crate) fn check_drops(&self) -> Result<(), Objection> {
        let mut sentences = Vec::new();
        for (index, side) in self.sides.iter().enumerate() {
            for (cause, count) in &side.dropped {
                let noun = words::plural((*count).into(), "datagram");
                let whom = name_of(index);
                sentences.push(format!(
                    "{count} {noun} did not reach {whom}, {}",
                    cause.words()
                ));
            }
        }
        if sentences.is_empty() {
            return Ok(());
        }
        Err(Objection::finding(sentences.join("; "))
            .remedied(CLASSIFY)
            .seen_in(self.run.number))
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
            self.deliver(now, to, datagram);
        } else {
            for side in &mut self.sides {
                side.handle_timeout(now);
            }
        }
        for side in [INITIATOR, RESPONDER] {
            if self.needed[side].is_none() && self.sides[side].has_finished() {
                self.needed[side] = Some(self.received[side]);
            }
        }
        self.collect(now);
    }

    fn deliver(&mut self, now: u64, to: usize, datagram: Vec<u8>) {
        let number = self.received[to];
        self.received[to] += 1;
        let attack = self
            .attack
            .filter(|attack| (attack.to, attack.number) == (to, number));
        let mut arriving = vec![datagram.clone()];
        if let Some(Attack { change, .. }) = attack {
            let [received, sent] = self.tapes(to);
            if let Some(changed) = change.apply(&datagram, received, sent) {
                self.is_attacked = true;
                arriving = changed;
            }
            self.note_attack(now, to, &change.to_string());
        }
        if let Some(tape) = &mut self.tape {
            tape[to].push(datagram);
        }
        for datagram in arriving {
            self.sides[to].receive(now, &datagram);
        }
    }

    /// Passes a forged datagram to one side, as if its peer had sent it.
    pub(crate) fn disturb(&mut self, now: u64, to: usize, forgery: Forgery) {
        let [received, sent] = self.tapes(to);
        let forged = forgery.make(received, sent);
        self.note_attack(now, to, &format!("forged: {}", forgery.kind.name));
        self.sides[to].receive(now, &forged);
        self.collect(now);
    }

    /// What has come to a side, and what of it has come to the other; nothing if it is not kept.
    fn tapes(&self, side: usize) -> [&[Vec<u8>]; 2] {
        match &self.tape {
            Some(tape) => [&tape[side], &tape[1 - side]],
            None => [&[], &[]],
        }
    }

    fn note_attack(&self, now: u64, to: usize, text: &str) {
        let beside = Shape::Note(Some(to));
        let recording = &self.probe.recording;
        recording.note(self.run, now, text, Tone::Bad, beside);
    }

    /// Puts what both sides have emitted on its way.
    pub(crate) fn collect(&mut self, now: u64) {
        for (from, to) in [(INITIATOR, RESPONDER), (RESPONDER, INITIATOR)] {
            while let Some(packet) = self.sides[from].poll_packet() {
                let words = words::payload(&packet);
                let copies = self.link.send(now, to, packet);
                let (text, tone, end) = match copies {
                    0 => (words, Tone::Bad, End::Lost),
                    1 => (words, Tone::Handshake, End::Arrived),
                    _ => (words + ", twice", Tone::Handshake, End::Arrived),
                };
                let arrow = Shape::Arrow(from, end);
                self.probe.recording.note(self.run, now, &text, tone, arrow);
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
