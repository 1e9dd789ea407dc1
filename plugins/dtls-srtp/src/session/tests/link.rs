//! Two sessions, a link between them that loses, delays, reorders and repeats, and a clock that runs as fast
//! as the test does.
use super::super::*;
use crate::certificate::Identity;
use crate::config;
use crate::fingerprint::Fingerprints;
use crate::key_log;
use crate::parameters::Version;
use handclasp_plugin::Error;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) const MTU: usize = 1200;

pub(super) const INITIATOR: usize = 0;
pub(super) const RESPONDER: usize = 1;

/// What the link does to datagrams, in both directions.
#[derive(Clone, Copy)]
pub(super) struct Conditions {
    pub(super) loss_percent: u64,
    pub(super) repeat_percent: u64,
    /// Shortest and longest way; a difference reorders.
    pub(super) delay_ms: (u64, u64),
}

pub(super) const PERFECT: Conditions = Conditions {
    loss_percent: 0,
    repeat_percent: 0,
    delay_ms: (1, 1),
};

/// One end: a session and all that has come out of it.
pub(super) struct End {
    pub(super) session: Session,
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) warnings: Vec<String>,
    pub(super) key_log: Vec<String>,
    pub(super) deadline: Option<Time>,
    pub(super) keys: Option<Zeroizing<Vec<u8>>>,
    pub(super) failure: Option<Error>,
    mtu: usize,
}

#[derive(Default)]
pub(super) struct Record {
    pub(super) sent: Vec<Vec<u8>>,
    warnings: Vec<String>,
}

impl Sink for Record {
    fn packet(&mut self, datagram: &[u8]) {
        self.sent.push(datagram.to_vec());
    }

    fn warn(&mut self, sentence: &str) {
        self.warnings.push(sentence.to_owned());
    }

    fn debug(&mut self, _line: &str) {}
}

impl End {
    fn call(&mut self, call: impl FnOnce(&mut Session, &mut Record) -> Result<Progress>) {
        let mut record = Record::default();
        let (progress, secrets) = key_log::watch(true, || call(&mut self.session, &mut record));
        let random = self.session.client_random();
        let line = |secret: &key_log::Secret| secret.line(random.expect("begun")).to_string();
        self.key_log.extend(secrets.iter().map(line));
        // What the host checks too.
        assert!(record.sent.len() <= 64, "{} packets", record.sent.len());
        assert!(record.sent.iter().map(Vec::len).sum::<usize>() <= 65_536);
        for datagram in &record.sent {
            assert!(datagram.len() <= self.mtu, "{} bytes", datagram.len());
        }
        self.sent.append(&mut record.sent);
        self.warnings.append(&mut record.warnings);
        match progress {
            Ok(progress) => {
                self.deadline = progress.deadline;
                if progress.finished.is_some() {
                    assert!(self.keys.is_none(), "finished twice");
                    self.keys = progress.finished;
                }
            }
            Err(error) => {
                self.deadline = None;
                self.failure = Some(error);
            }
        }
    }
}

/// Both ends and what is under way between them.
pub(super) struct Link {
    pub(super) ends: [End; 2],
    pub(super) now: Time,
    conditions: Conditions,
    random: SplitMix,
    /// By arrival, then order of sending.
    under_way: BTreeMap<(Time, u64), (usize, Vec<u8>)>,
    count: u64,
    /// What becomes of what the responder sends.
    pub(super) bend: fn(&[u8]) -> Vec<u8>,
}

impl Link {
    /// An initiator and a responder that know each other's fingerprints; nothing is started.
    pub(super) fn new(versions: [Version; 2], conditions: Conditions, seed: u64) -> Self {
        let identities = [identity(), identity()];
        let promises = [identities[1].init_data(), identities[0].init_data()];
        Self::promising(versions, conditions, seed, identities, promises, MTU)
    }

    /// The same, where `promises` are the descriptions that the ends are given of each other.
    pub(super) fn promising(
        versions: [Version; 2],
        conditions: Conditions,
        seed: u64,
        identities: [Arc<Identity>; 2],
        promises: [String; 2],
        mtu: usize,
    ) -> Self {
        let now = Time::from_nanos(1_000_000_000_000);
        let end = |index: usize| {
            let config = config::builder(mtu).dangerously_set_rng_seed(2 * seed + index as u64);
            let parameters = Parameters {
                version: versions[index],
                role: [Role::Initiator, Role::Responder][index],
                config: Arc::new(config.build().expect("the settings are valid")),
                identity: identities[index].clone(),
                peer: Fingerprints::parse(promises[index].as_bytes()).expect("a usable promise"),
            };
            End {
                session: Session::new(parameters, now),
                sent: Vec::new(),
                warnings: Vec::new(),
                key_log: Vec::new(),
                deadline: None,
                keys: None,
                failure: None,
                mtu,
            }
        };
        Self {
            ends: [end(INITIATOR), end(RESPONDER)],
            now,
            conditions,
            random: SplitMix(seed),
            under_way: BTreeMap::new(),
            count: 0,
            bend: <[u8]>::to_vec,
        }
    }

    /// Tells both ends that there is a way.
    pub(super) fn start(&mut self) -> &mut Self {
        for index in [INITIATOR, RESPONDER] {
            let now = self.now;
            self.call(index, |session, sink| session.start(now, sink));
        }
        self
    }

    /// Lets things happen until `until` holds or so much time has passed; whether it holds.
    pub(super) fn run(&mut self, limit: Duration, until: impl Fn(&Self) -> bool) -> bool {
        let limit = self.now + limit;
        while !until(self) {
            let Some(next) = self.next_event().filter(|next| *next <= limit) else {
                self.now = limit;
                return false;
            };
            self.now = self.now.max(next);
            self.happen();
        }
        true
    }

    /// Runs until both ends have keys.
    pub(super) fn finish(&mut self, limit: Duration) -> bool {
        self.run(limit, |link| link.ends.iter().all(|end| end.keys.is_some()))
    }

    /// Hands a datagram to an end at once.
    pub(super) fn deliver(&mut self, to: usize, datagram: &[u8]) {
        let now = self.now;
        self.call(to, |session, sink| session.receive(datagram, now, sink));
    }

    /// The next datagram under way, taken off the link.
    pub(super) fn intercept(&mut self) -> Option<(usize, Vec<u8>)> {
        self.under_way.pop_first().map(|(_, datagram)| datagram)
    }

    /// Loses everything that is under way.
    pub(super) fn lose_all(&mut self) {
        self.under_way.clear();
    }

    /// Ends an end's session from its own side.
    pub(super) fn close(&mut self, index: usize) {
        let now = self.now;
        self.call(index, |session, sink| {
            session.close(now, sink)?;
            session.step(now, sink)
        });
    }

    pub(super) fn call(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut Session, &mut Record) -> Result<Progress>,
    ) {
        let end = &mut self.ends[index];
        if end.failure.is_some() {
            return; // a failed instance is never called again
        }
        let already_sent = end.sent.len();
        end.call(call);
        for at in already_sent..self.ends[index].sent.len() {
            let datagram = self.ends[index].sent[at].clone();
            self.carry(1 - index, &datagram);
        }
    }

    fn carry(&mut self, to: usize, datagram: &[u8]) {
        let Conditions {
            loss_percent,
            repeat_percent,
            delay_ms,
        } = self.conditions;
        let datagram = match to {
            INITIATOR => (self.bend)(datagram),
            _ => datagram.to_vec(),
        };
        let times = 1 + u64::from(self.random.below(100) < repeat_percent);
        for _ in 0..times {
            if self.random.below(100) < loss_percent {
                continue;
            }
            let delay = delay_ms.0 + self.random.below(delay_ms.1 - delay_ms.0 + 1);
            self.count += 1;
            let arrival = self.now + Duration::from_millis(delay);
            self.under_way
                .insert((arrival, self.count), (to, datagram.clone()));
        }
    }

    fn next_event(&self) -> Option<Time> {
        let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
        let deadlines = self.ends.iter().filter_map(|end| end.deadline);
        arrival.into_iter().chain(deadlines).min()
    }

    fn happen(&mut self) {
        let now = self.now;
        for index in [INITIATOR, RESPONDER] {
            if self.ends[index]
                .deadline
                .is_some_and(|deadline| deadline <= now)
            {
                self.ends[index].deadline = None;
                self.call(index, |session, sink| session.step(now, sink));
            }
        }
        while self
            .under_way
            .first_key_value()
            .is_some_and(|((at, _), _)| *at <= now)
        {
            let (to, datagram) = self.intercept().expect("one is there");
            self.deliver(to, &datagram);
        }
    }
}

/// A certificate that no other test has.
pub(super) fn identity() -> Arc<Identity> {
    static STREAM: AtomicU64 = AtomicU64::new(1_000_000);
    Identity::of((0, STREAM.fetch_add(1, Ordering::Relaxed))).expect("the system has randomness")
}

/// A small generator of well-spread numbers (Steele, Lea and Flood).
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
