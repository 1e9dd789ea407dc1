//! Two instances of a plugin that shake hands, called as a host calls them, in virtual time.
use handclasp::plugin::{
    Call, Deadline, Emitted, Failure, InitParameters, Live, Outcome, Plugin, Request, Role,
    validate,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

pub(crate) const INITIATOR: usize = 0;
pub(crate) const RESPONDER: usize = 1;
pub(crate) const SIDES: [usize; 2] = [INITIATOR, RESPONDER];

const MTU: u16 = 1200;

/// A plugin, and the options of both sides.
pub(crate) struct Setup {
    plugin: Arc<Plugin>,
    options: Arc<[(String, String)]>,
    /// What keeps the streams' certificates alive: they are made once.
    owners: Vec<Side>,
}

impl Setup {
    pub(crate) fn new(plugin: Arc<Plugin>, options: &[(&str, &str)]) -> Self {
        let given: Vec<_> = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let options = validate(plugin.id(), &plugin.description().options, &given);
        let mut setup = Self {
            plugin,
            options: options.unwrap_or_else(|error| panic!("{error}")).into(),
            owners: Vec::new(),
        };
        setup.owners = SIDES.map(|side| Side::new(&setup, side)).into();
        setup
    }

    /// The plugin and the options that were given.
    pub(crate) fn name(&self) -> String {
        let options = self
            .options
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        format!(
            "{} {}",
            self.plugin.id(),
            options.collect::<Vec<_>>().join(" ")
        )
    }

    pub(crate) fn has_own_clock(&self) -> bool {
        self.plugin.description().own_clock
    }
}

/// One instance.
pub(crate) struct Side {
    instance_id: u64,
    live: Option<Live>,
    emitted: Emitted,
    deadline: Option<u64>,
    init_data: Vec<u8>,
    outbox: VecDeque<Vec<u8>>,
    /// All that it sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// All that its peer's datagrams are, as they came.
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) keys: Option<Zeroizing<Vec<u8>>>,
    pub(crate) failure: Option<Failure>,
    /// What it said although it went on.
    pub(crate) warnings: Vec<String>,
}

impl Side {
    fn new(setup: &Setup, index: usize) -> Self {
        static INSTANCES: AtomicU64 = AtomicU64::new(1);
        let instance_id = INSTANCES.fetch_add(1, Ordering::Relaxed);
        let mut side = Self {
            instance_id,
            live: None,
            emitted: Emitted::default(),
            deadline: None,
            init_data: Vec::new(),
            outbox: VecDeque::new(),
            sent: Vec::new(),
            received: Vec::new(),
            keys: None,
            failure: None,
            warnings: Vec::new(),
        };
        let parameters = InitParameters {
            component_id: 1,
            component_count: 1,
            mtu: MTU,
            instance_id,
            stream_id: 1 + index as u64,
            options: Arc::clone(&setup.options),
        };
        side.run(0, Call::Init(Arc::clone(&setup.plugin), parameters));
        side
    }

    fn call(&mut self, now: u64, call: impl FnOnce(Live) -> Call) {
        if let Some(live) = self.live.take() {
            self.run(now, call(live));
        }
    }

    fn run(&mut self, now: u64, call: Call) {
        let emitted = std::mem::take(&mut self.emitted);
        let completion = Request::new(self.instance_id, call, emitted).run(now);
        self.emitted = completion.emitted;
        if let Some(data) = self.emitted.init_data.take() {
            self.init_data = data;
        }
        for packet in self.emitted.packets() {
            self.outbox.push_back(packet.to_vec());
            self.sent.push(packet.to_vec());
        }
        match self.emitted.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
        match completion.outcome {
            Outcome::Failed(failure) => self.failure = Some(failure),
            Outcome::Closed => {}
            Outcome::Live(live) => {
                self.live = Some(live);
                self.warnings.extend(self.emitted.sentence.take());
            }
            Outcome::Finished(live, keys) => {
                self.live = live;
                self.keys = Some(keys);
            }
        }
        if self.live.is_none() {
            self.deadline = None;
        }
    }
}

/// Both, and what is on its way between them.
pub(crate) struct Pair {
    pub(crate) sides: [Side; 2],
    now: u64,
    own_clock: bool,
}

impl Pair {
    /// Both have heard of each other and are ready; nothing has arrived.
    pub(crate) fn meet(setup: &Setup) -> Self {
        let mut pair = Self {
            sides: SIDES.map(|index| Side::new(setup, index)),
            now: 0,
            own_clock: setup.has_own_clock(),
        };
        let data = [RESPONDER, INITIATOR].map(|peer| pair.sides[peer].init_data.clone());
        for (index, data) in SIDES.into_iter().zip(data) {
            let role = [Role::Initiator, Role::Responder][index];
            let side = &mut pair.sides[index];
            side.call(0, |live| match live {
                Live::AwaitingPeer(instance) => Call::SetPeer(instance, role, data),
                _ => panic!("a DTLS plugin waits for its peer's fingerprint"),
            });
            side.call(0, |live| match live {
                Live::AwaitingReady(instance) => Call::ConnectionReady(instance),
                _ => panic!("nothing has happened yet"),
            });
        }
        pair
    }

    /// Hands a side a datagram, whoever it is from.
    pub(crate) fn receive(&mut self, to: usize, datagram: &[u8]) {
        let datagram = datagram.to_vec();
        self.sides[to].call(self.now, |live| Call::RecvFromPeer(live, datagram));
    }

    /// Delivers the next datagram; whether there was one.
    pub(crate) fn deliver(&mut self) -> bool {
        for from in SIDES {
            if let Some(datagram) = self.sides[from].outbox.pop_front() {
                let to = 1 - from;
                self.sides[to].received.push(datagram.clone());
                self.receive(to, &datagram);
                return true;
            }
        }
        false
    }

    /// Delivers the next datagram, which is for `to`, but its last record, and returns that; `None` if there is one only.
    pub(crate) fn deliver_but_last_record(&mut self, to: usize) -> Option<Vec<u8>> {
        let datagram = self.sides[1 - to].outbox.pop_front()?;
        let (mut at, mut last) = (0, 0);
        while at < datagram.len() {
            last = at;
            at += record_len(&datagram[at..]);
        }
        let (before, record) = datagram.split_at(last);
        if before.is_empty() {
            return None;
        }
        self.receive(to, before);
        Some(record.to_vec())
    }

    /// Whom the next datagram is for.
    pub(crate) fn next(&self) -> Option<usize> {
        let from = SIDES
            .into_iter()
            .find(|from| !self.sides[*from].outbox.is_empty())?;
        Some(1 - from)
    }

    /// Delivers and lets time pass until both have finished, one has failed, or for so long.
    pub(crate) fn finish(&mut self, limit: Duration) {
        self.run(limit, |pair| {
            pair.has_finished() || pair.sides.iter().any(|side| side.failure.is_some())
        });
    }

    pub(crate) fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + nanos(limit);
        while !done(self) {
            if self.deliver() {
                continue;
            }
            let deadlines = self.sides.iter().filter_map(|side| side.deadline);
            let Some(next) = deadlines.min().filter(|at| *at <= end) else {
                return;
            };
            if self.own_clock {
                thread::sleep(Duration::from_nanos(next.saturating_sub(self.now)));
            }
            self.now = self.now.max(next);
            for index in SIDES {
                let side = &mut self.sides[index];
                if side.deadline.is_some_and(|at| at <= self.now) {
                    side.deadline = None;
                    side.call(self.now, Call::OnDeadline);
                }
            }
            self.now += 1_000; // a deadline in the past is met once, and time goes on
        }
    }

    pub(crate) fn has_finished(&self) -> bool {
        self.sides.iter().all(|side| side.keys.is_some())
    }

    /// A side says its last words; the datagrams on its way arrive.
    pub(crate) fn close(&mut self, side: usize) {
        self.sides[side].call(self.now, Call::Close);
        while self.deliver() {}
    }
}

/// Bytes of the first record (RFC 6347; RFC 9147, section 4, without connection ids).
fn record_len(datagram: &[u8]) -> usize {
    let length_at = match datagram[0] {
        first if first & 0xe0 != 0x20 => 11,
        first if first & 0x04 == 0 => return datagram.len(),
        first if first & 0x08 != 0 => 3,
        _ => 2,
    };
    let length = [datagram[length_at], datagram[length_at + 1]];
    length_at + 2 + usize::from(u16::from_be_bytes(length))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("tests are short")
}
