//! Streams, a network and a clock.
use crate::backend::Backend;
use crate::event::Event;
use crate::link::{Flight, Link};
use crate::party::Party;
use crate::post::Post;
use crate::side::Side;
use crate::signalling::Signalling;
use crate::turn::{self, Turn};
use handclasp::component::{Arrival, Failure};
use handclasp::ice::{Datagram, Pair, RelayRequest, stun_kind};
use handclasp::stream::{self, Lookup, Message, Refused, Stream};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Pairs of streams in virtual time: sides 0 and 1 are each other's peers, 2 and 3, and so on. The first of a
/// pair is controlling, and initiator or offerer.
#[derive(Debug)]
pub struct World {
    /// The streams.
    pub sides: Vec<Side>,
    /// What their datagrams go through.
    pub link: Link,
    /// How they hear of each other.
    pub signalling: Signalling,
    /// How long signalling takes.
    pub signalling_delay: Duration,
    /// Whether signalling carries what `init` produced.
    pub tells_init_data: bool,
    /// Whether it carries the numbers of generations and associations.
    pub tells_numbers: bool,
    /// What else it does to messages.
    pub post: Post,
    pub(crate) mail: BTreeMap<(Instant, usize), (usize, Message)>,
    pub(crate) mailed: usize,
    backend: Backend,
    turn: Turn,
    /// What a test does to a side's stream right before the next datagram comes to it.
    arrival: Option<(usize, Act)>,
    start: Instant,
    pub(crate) now: Instant,
}

/// What a test does to a stream.
type Act = fn(&mut Stream);

/// Runs a test with calls that complete at once, with calls that take up to 20 ms, with calls that take longer than the
/// peer does to answer, and with calls that take about 50 ms; and each with datagrams that arrive one by one, or all that arrive at one time in
/// one batch.
pub fn for_each_backend(mut test: impl FnMut(Backend)) {
    let delayed = |seed| Backend::delayed(seed, Duration::from_millis(10));
    test(Backend::immediate());
    test(Backend::immediate().in_batches());
    for seed in 1..=2 {
        test(delayed(seed));
        test(delayed(seed + 2).in_batches());
    }
    test(Backend::slow(Duration::from_millis(15)).in_batches());
    test(Backend::laggard(5));
    test(Backend::laggard(6).in_batches());
}

impl World {
    /// A world without streams.
    pub fn new(seed: u64, backend: Backend) -> Self {
        fastrand::seed(seed); // the ICE core draws from this thread's generator
        let start = Instant::now();
        Self {
            sides: Vec::new(),
            link: Link::new(seed),
            signalling: Signalling::Trickle,
            signalling_delay: Duration::from_millis(50),
            tells_init_data: true,
            tells_numbers: true,
            backend,
            start,
            now: start,
            post: Post::new(seed),
            mail: BTreeMap::new(),
            mailed: 0,
            turn: Turn::new(),
            arrival: None,
        }
    }

    /// Two streams, and a good network between them.
    pub fn pair(backend: Backend, first: &Party, second: &Party) -> Self {
        let mut world = Self::new(1, backend);
        world.add(first, second);
        world
    }

    /// Two more streams.
    ///
    /// # Panics
    /// If one of them cannot be.
    pub fn add(&mut self, first: &Party, second: &Party) {
        for party in [first, second] {
            let side = Side::new(self.now, self.sides.len(), party)
                .unwrap_or_else(|refused| panic!("{refused}"));
            self.sides.push(side);
            self.backend.add(&party.plugin);
        }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Does this to a side's stream right before the next datagram comes to it, in the same turn.
    pub fn on_arrival(&mut self, side: usize, act: Act) {
        self.arrival = Some((side, act));
    }

    /// The time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Begins no such call of a side's before this time.
    pub fn hold(&mut self, side: usize, call: &'static str, until: Duration) {
        self.backend.hold(side, call, self.start + until);
    }

    /// Says something to a stream, now.
    ///
    /// # Errors
    /// Its refusal, which also stands in its story.
    pub fn tell(&mut self, side: usize, message: Message) -> Result<(), Refused> {
        let answer = self.sides[side].stream.handle_message(self.now, message);
        if let Err(refused) = &answer {
            self.note(side, Event::Refused(refused.to_string()));
        }
        self.settle(side);
        answer
    }

    /// Tells a stream what it has looked up, now.
    pub fn found(&mut self, side: usize, lookup: &Lookup, found: &Result<Vec<SocketAddr>, String>) {
        let stream = &mut self.sides[side].stream;
        stream.handle_lookup(self.now, lookup, found);
        self.settle(side);
    }

    /// Sends a datagram of the application's.
    pub fn send(&mut self, side: usize, component_id: u16, datagram: &[u8]) {
        match self.sides[side].stream.route(component_id, datagram) {
            Ok(pair) => {
                let (now, stream) = (self.now, &mut self.sides[side].stream);
                if !stream.send_relayed(now, component_id, pair, datagram) {
                    self.fly(pair, datagram.to_vec());
                }
            }
            Err(reason) => {
                let stream = &mut self.sides[side].stream;
                stream.could_not_send(component_id, reason.to_string());
            }
        }
        self.settle(side);
    }

    /// Has a datagram arrive, now.
    pub fn inject(&mut self, side: usize, component_id: u16, from: SocketAddr, contents: &[u8]) {
        let local = self.sides[side].address(component_id);
        self.deliver(side, component_id, local, from, contents);
        self.settle(side);
    }

    /// There is no way for a stream's datagrams.
    pub fn fail(&mut self, side: usize, reason: &str) {
        let message = reason.to_owned();
        let failure = Failure::Bind { message };
        self.sides[side].stream.fail(self.now, &failure);
        self.settle(side);
    }

    /// Runs for a while.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        self.run_to(end, |_| false);
        self.now = end;
    }

    /// Runs until `done`.
    ///
    /// # Panics
    /// If that is not the case within `limit`.
    pub fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let stories = |world: &Self| -> Vec<_> { world.sides.iter().map(Side::story).collect() };
        assert!(
            self.run_to(self.now + limit, done),
            "not within {limit:?}: {:#?}",
            stories(self)
        );
    }

    /// Runs until all sides are ready, at most ten seconds.
    pub fn connect(&mut self) {
        self.until(Duration::from_secs(10), |world| {
            world.sides.iter().all(Side::is_ready)
        });
    }

    /// Runs until `done` or `end`, and tells whether it was the former.
    pub fn run_to(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        let mut turns = 0;
        for side in 0..self.sides.len() {
            self.settle(side);
        }
        while !done(self) {
            let Some(next) = self.next().filter(|next| *next <= end) else {
                return false;
            };
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < 10_000, "time stands still at {:?}", self.elapsed());
            self.now = self.now.max(next);
            self.pass();
        }
        true
    }

    fn next(&mut self) -> Option<Instant> {
        let sides = self.sides.iter_mut();
        let timeout = sides.filter_map(|side| side.stream.poll_timeout()).min();
        let mail = self.mail.keys().next().map(|key| key.0);
        [timeout, mail, self.link.next(), self.backend.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does all that is due.
    fn pass(&mut self) {
        while let Some(flight) = self.link.arrive(self.now) {
            if let Some(side) = self.arrive(flight)
                && !self.backend.batches()
            {
                self.settle(side);
            }
        }
        for side in 0..self.sides.len() {
            self.settle(side);
        }
        while let Some((side, completion)) = self.backend.complete(self.now, self.nanos()) {
            let stream = &mut self.sides[side].stream;
            stream.handle_completion(self.now, completion);
            self.settle(side);
        }
        while let Some(entry) = self.mail.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (side, message) = entry.remove();
            self.read(side, message);
        }
        for side in 0..self.sides.len() {
            let stream = &mut self.sides[side].stream;
            if stream.poll_timeout().is_some_and(|due| due <= self.now) {
                stream.handle_timeout(self.now);
                self.settle(side);
            }
        }
    }

    /// Hands a datagram to whom it is for; returns the side, if it is one.
    fn arrive(&mut self, flight: Flight) -> Option<usize> {
        if self.turn.is_at(flight.to) {
            for sent in self.turn.serve(self.elapsed(), flight) {
                self.link.send(self.now, sent);
            }
            return None;
        }
        if let Some((side, relay)) = self.turn.client(flight.to) {
            self.act_on_arrival(side);
            let (stream, mut received) = (&mut self.sides[side].stream, Vec::new());
            let contents = &flight.contents;
            stream.handle_relay(self.now, relay, contents, |it| received.push(it.to_vec()));
            for datagram in received {
                self.note(side, Event::Received(relay.component_id, datagram));
            }
            return Some(side);
        }
        let (side, component_id) = self.find(flight.to)?;
        self.act_on_arrival(side);
        self.deliver(side, component_id, flight.to, flight.from, &flight.contents);
        Some(side)
    }

    fn act_on_arrival(&mut self, side: usize) {
        if let Some((_, act)) = self.arrival.take_if(|(of, _)| *of == side) {
            act(&mut self.sides[side].stream);
        }
    }

    fn find(&self, address: SocketAddr) -> Option<(usize, u16)> {
        self.sides.iter().enumerate().find_map(|(index, side)| {
            let mut ids = side.stream.component_ids();
            ids.find(|id| side.addresses(*id).any(|its| its == address))
                .map(|id| (index, id))
        })
    }

    fn deliver(
        &mut self,
        side: usize,
        component_id: u16,
        local: SocketAddr,
        from: SocketAddr,
        contents: &[u8],
    ) {
        let stream = &mut self.sides[side].stream;
        let pair = Pair::udp(local, from);
        let arrival = stream.handle_datagram(self.now, component_id, pair, Datagram::new(contents));
        match arrival {
            Arrival::Application => {
                self.note(side, Event::Received(component_id, contents.to_vec()));
            }
            Arrival::Dropped(cause) => self.sides[side].dropped.push(cause),
            Arrival::Waiting(number) => {
                let is_new = self.sides[side].waiting.insert((component_id, number));
                assert!(is_new, "two datagrams have number {number}");
            }
            _ => {}
        }
    }

    /// What an event loop does for a stream after everything that happened to it.
    fn settle(&mut self, side: usize) {
        loop {
            while let Some(request) = self.sides[side].stream.poll_request(self.now) {
                let nanos = self.nanos();
                if let Some(completion) = self.backend.take(self.now, nanos, side, request) {
                    let stream = &mut self.sides[side].stream;
                    stream.handle_completion(self.now, completion);
                }
            }
            if let Some(component_ids) = self.sides[side].stream.poll_gather() {
                self.gather(side, &component_ids);
            }
            while let Some(request) = self.sides[side].stream.poll_relay() {
                self.obey(side, request);
            }
            while let Some((id, transmit)) = self.sides[side].stream.poll_transmit() {
                let pair = transmit.pair();
                if stun_kind(&transmit.contents).is_none() {
                    self.note(side, Event::Sent(id, pair, transmit.contents.clone()));
                }
                self.fly(pair, transmit.contents);
            }
            while self.sides[side].stream.poll_unverified().is_some() {} // told to shared sockets
            while let Some((id, number, cause)) = self.sides[side].stream.poll_dropped() {
                let waited = number.is_none_or(|it| self.sides[side].waiting.remove(&(id, it)));
                assert!(waited, "what never waited was dropped: {cause:?}");
                self.sides[side].dropped.push(cause);
            }
            match self.sides[side].stream.poll_event() {
                Some(stream::Event::Notification(notification)) => {
                    self.signal(side, &notification);
                    self.note(side, Event::Said(notification));
                }
                Some(stream::Event::Payload {
                    component_id,
                    payload,
                }) => self.note(side, Event::Received(component_id, payload)),
                None => return,
            }
        }
    }

    /// Does what a side wants of its relay.
    fn obey(&mut self, side: usize, request: RelayRequest) {
        match request {
            RelayRequest::Open { relay, .. } => {
                let end = self.turn.open(side, relay);
                self.sides[side].stream.relay_opened(self.now, relay, end);
            }
            RelayRequest::Send { relay, contents } => {
                if let Some(from) = self.turn.end_of(side, relay) {
                    let to = turn::ADDRESS;
                    self.link.send(self.now, Flight { from, to, contents });
                }
            }
            RelayRequest::Close { relay } => self.turn.close(side, relay),
        }
    }

    fn gather(&mut self, side: usize, component_ids: &[u16]) {
        if self.sides[side].stream.is_relay_only() {
            while let Some(lookup) = self.sides[side].stream.poll_lookup() {
                let found = Ok(vec![turn::ADDRESS]);
                let stream = &mut self.sides[side].stream;
                stream.handle_lookup(self.now, &lookup, &found);
            }
            return self.sides[side].stream.gathering_done();
        }
        for &id in component_ids {
            for address in self.sides[side].addresses(id) {
                self.sides[side].stream.add_local_address(id, address);
            }
        }
        self.sides[side].stream.gathering_done();
    }

    fn fly(&mut self, pair: Pair, contents: Vec<u8>) {
        let (from, to) = (pair.local, pair.remote);
        self.link.send(self.now, Flight { from, to, contents });
    }

    fn note(&mut self, side: usize, event: Event) {
        let at = self.elapsed();
        self.sides[side].log.push((at, event));
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).expect("a world does not last that long")
    }
}
