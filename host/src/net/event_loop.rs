//! One thread's sockets and streams, turn after turn.
mod connections;
mod deliver;
mod moving;
mod shared_ports;
mod takeover;

use super::addresses::interfaces::Presence;
use super::application::ReplyQueue;
use super::arrivals::ArrivalCounter;
use super::departures::DepartureCounter;
use super::dirty::Dirty;
use super::handover::Handover;
use super::helpers::{Helpers, Pools};
use super::id_map::IdMap;
use super::inbox::{Item, Mail};
use super::instances::Instances;
use super::keys::{Sender, StreamKey};
use super::mailbox::{Command, Mailbox, note_event_loop};
use super::mdns::Responder;
use super::new_stream::NewStream;
use super::relay::Relays;
use super::share::Share;
use super::shared_stun::{NOBODY, SharedStun, StunClient};
use super::siblings::Siblings;
use super::stream_driver::{LoopContext, StreamDriver};
use super::takeover::{Predecessor, Successor, TakeoverState};
use super::tcp::Connections;
use super::timers::Timers;
use super::token::Token;
use super::udp::batch::Unsent;
use super::udp::buffers::GrantedBuffers;
use super::udp::receiver::Receiver;
use super::udp::sockets::Sockets;
use super::watch::{At, Pulse};
use crate::component::Cause;
use crate::counted;
use crate::plugin::nanos_since;
use crate::stream::Message;
use mio::{Events, Poll, Waker};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// One thread's sockets and streams.
pub(crate) struct EventLoop {
    poll: Poll,
    mailbox: Arc<Mailbox>,
    helpers: Helpers,
    epoch: Instant,
    sockets: Sockets,
    relays: Relays,
    connections: Connections,
    presence: Presence,
    responder: Arc<Responder>,
    stun: StunClient,
    instances: Arc<Instances>,
    streams: IdMap<StreamKey, Box<StreamDriver>>,
    handover: Handover,
    timers: Timers,
    share: Share,
    dirty: Dirty,
    /// In whose inboxes something waits.
    mailed: VecDeque<StreamKey>,
    mail: Mail,
    busy: Vec<Token>,
    replies: ReplyQueue,
    /// Who waits until a stream has been driven, at the end of a turn.
    flushes: Vec<(StreamKey, SyncSender<()>)>,
    arrivals: Arc<ArrivalCounter>,
    /// Whose ports these were, and whose they will be.
    predecessor: Option<Predecessor>,
    successor: Option<Successor>,
    takeover: Arc<TakeoverState>,
    pulse: Arc<Pulse>,
    running: bool,
}

/// What is taken of applications' messages and datagrams in a turn, counted as in an [inbox](super::inbox).
const MOST_MAIL: usize = 4096;
/// How long a turn is at one of these: messages, what is due, streams that are ready, and other streams. What is left
/// waits for the next turn, so that datagrams do not wait for all of it.
const SLICE: Duration = Duration::from_millis(1);

impl EventLoop {
    /// # Errors
    /// The system gives no means to wait for sockets.
    pub(crate) fn new(
        epoch: Instant,
        pools: Arc<Pools>,
        responder: Arc<Responder>,
        stun: &Arc<SharedStun>,
        instances: Arc<Instances>,
        takeover: &Arc<TakeoverState>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token::Waker.into())?;
        let mailbox = Arc::new(Mailbox::new(waker));
        let sockets = Sockets::new(poll.registry().try_clone()?);
        let relays = Relays::new(poll.registry().try_clone()?);
        let connections = Connections::new(poll.registry().try_clone()?);
        Ok(Self {
            poll,
            helpers: Helpers::new(pools, Arc::clone(&mailbox)),
            stun: stun.join(&mailbox),
            mailbox,
            epoch,
            sockets,
            relays,
            connections,
            presence: Presence::default(),
            responder,
            instances,
            streams: IdMap::default(),
            handover: Handover::default(),
            timers: Timers::default(),
            share: Share::default(),
            dirty: Dirty::new(Instant::now()),
            mailed: VecDeque::new(),
            mail: Mail::default(),
            busy: Vec::new(),
            replies: ReplyQueue::default(),
            flushes: Vec::new(),
            arrivals: Arc::default(),
            predecessor: None,
            successor: None,
            takeover: Arc::clone(takeover),
            pulse: Arc::default(),
            running: true,
        })
    }

    /// It has this number among the loops of its host; without, it is alone.
    pub(crate) fn join(&mut self, number: usize, siblings: &Arc<Siblings>) {
        self.sockets.join(number, Arc::clone(siblings));
        self.handover = Handover::new(number, Arc::clone(siblings));
    }

    /// Where other threads put their wishes.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// How much has left by its UDP sockets.
    pub(crate) fn departures(&self) -> &Arc<DepartureCounter> {
        self.sockets.departures()
    }

    /// What the system keeps for its UDP sockets.
    pub(crate) fn buffers(&self) -> &Arc<GrantedBuffers> {
        self.sockets.buffers()
    }

    /// How much has arrived at its UDP sockets.
    pub(crate) fn arrivals(&self) -> &Arc<ArrivalCounter> {
        &self.arrivals
    }

    /// What it says of itself.
    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Turns until it is told to shut down.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut receiver = Receiver::new();
        let mut commands = Vec::new();
        let (mut ready, mut due) = (Vec::new(), None);
        note_event_loop();
        while self.running {
            self.pulse.at(At::Rest);
            self.wait(due, &mut events);
            self.pulse.turn();
            self.mailbox.take(&mut commands);
            let now = Instant::now();
            self.pulse.began(nanos_since(self.epoch, now));
            self.dirty.turn(now);
            for command in commands.drain(..) {
                self.handle_command(now, command);
            }
            self.take_mail(now);
            self.sockets.flush();
            ready.append(&mut self.busy);
            ready.extend(events.iter().map(|event| Token::from(event.token())));
            ready.sort_unstable();
            ready.dedup(); // one turn each
            for token in ready.drain(..) {
                self.pulse.at(match token {
                    Token::Waker => At::Messages,
                    Token::Socket(_) => At::Socket,
                    Token::Listener(_) => At::Listener,
                    Token::Connection(_) => At::Connection,
                    Token::Relay(_) => At::Relay,
                    Token::Predecessor | Token::Successor => At::Socket,
                });
                match token {
                    Token::Waker => {} // what there was to take has been taken
                    Token::Socket(index) => self.receive(now, index, &mut receiver),
                    Token::Listener(index) => self.accept_connections(now, index),
                    Token::Connection(index) => self.serve_connection(now, index),
                    Token::Relay(index) => self.serve_relay(now, index),
                    Token::Predecessor => self.receive_passed(now),
                    Token::Successor => self.successor_is_ready(),
                }
            }
            self.handover.flush();
            self.tell_successor(now);
            self.pulse.at(At::Time);
            let is_timers_turn = self.share.is_timers_turn(now, !self.busy.is_empty());
            let began = is_timers_turn.then(Instant::now);
            if is_timers_turn {
                self.sweep_connections(now);
                self.pass_time(now);
            }
            self.drive_dirty(now);
            let flushed = self.flushed();
            self.pulse.at(At::Sending);
            self.send_replies(now);
            self.stun.serve(now, &mut self.sockets, &mut self.helpers);
            self.flush(now);
            if let Some(began) = began {
                self.share.timers_took(began.elapsed());
            }
            drop(flushed);
            let helped = self.helpers.dispatch(now);
            let due_times = [
                helped,
                self.connections.next_sweep(),
                self.stun.next(),
                self.successor.as_ref().map(Successor::next),
            ];
            due = due_times.into_iter().flatten().min();
            let now = Instant::now();
            let waits = self.dirty.waits(now);
            self.pulse.turned(nanos_since(self.epoch, now), waits);
        }
        self.end();
    }

    fn wait(&mut self, due: Option<Instant>, events: &mut Events) {
        // A failed send at the end of a turn leaves its stream dirty.
        let idle = self.busy.is_empty() && self.dirty.is_empty() && self.mailed.is_empty();
        let next = [self.timers.next(), due].into_iter().flatten().min();
        let timeout = match (idle, next) {
            (false, _) => Some(Duration::ZERO),
            (true, at) => at.map(|at| at.saturating_duration_since(Instant::now())),
        };
        if let Err(error) = self.poll.poll(events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!("waiting for sockets: {error}");
        }
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open(new) => self.open(*new),
            Command::Mail(key) => self.mailed.push_back(key),
            Command::Completed(key) => self.complete(now, key),
            Command::Found(NOBODY, lookup, found) => self.stun.found(now, &lookup, &found),
            Command::Found(key, lookup, found) => {
                if let Some(driver) = self.streams.get_mut(&key) {
                    driver.note_found();
                    driver.stream.handle_lookup(now, &lookup, &found);
                    self.mark_dirty(key);
                }
            }
            Command::Wake(key, instance_id) => self.wake(now, key, instance_id),
            Command::TakeSocket(socket_key) => {
                if let Err(error) = self.sockets.take(socket_key) {
                    tracing::error!(
                        "one of the sockets on a shared port cannot be used, and what arrives there is lost: {error}; \
                         allow more open files, and start anew"
                    );
                }
            }
            Command::Handed(parcel) => self.take_handed(now, &parcel),
            Command::Expect(moving) => self.expect_stream(&moving),
            Command::Expected(key, number) => self.move_to(now, key, number),
            Command::Adopt(driver) => self.adopt(now, driver),
            Command::Stays(key) => self.release_held(key),
            Command::BindShared(wanted) => self.bind_shared(now, *wanted),
            #[cfg(unix)]
            Command::PassPorts(wanted) => self.pass_ports(*wanted),
            Command::ReceiveInherited => self.receive_inherited(),
            Command::AskStun => self.stun.wake(now),
            Command::Mapped(mapping) => self.mapping_changed(&mapping),
            Command::Shutdown => self.running = false,
        }
    }

    /// Takes some of what waits for streams, in turn.
    fn take_mail(&mut self, now: Instant) {
        let mut mail = std::mem::take(&mut self.mail);
        let mut taken = 0;
        let began = Instant::now();
        for _ in 0..self.mailed.len() {
            let Some(key) = self.mailed.pop_front() else {
                break;
            };
            let Some(driver) = self.streams.get(&key) else {
                continue;
            };
            if driver.inbox().take(&mut mail) {
                self.mailed.push_back(key);
            }
            taken += mail.cost;
            self.handle_mail(now, key, &mut mail);
            if taken >= MOST_MAIL || began.elapsed() >= SLICE {
                break;
            }
        }
        self.mail = mail;
    }

    fn handle_mail(&mut self, now: Instant, key: StreamKey, mail: &mut Mail) {
        let mut datagrams = &mail.datagrams[..];
        for item in mail.items.drain(..) {
            match item {
                Item::Message(number, message) => self.handle_message(now, key, number, message),
                Item::Datagram(component_id, length) => {
                    let (datagram, rest) = datagrams.split_at(length);
                    datagrams = rest;
                    self.send(now, key, component_id, datagram);
                }
                Item::Flush(done) => self.flushes.push((key, done)),
            }
        }
        if mail.stop {
            self.handle_message(now, key, None, Message::Stop);
        }
        mail.clear();
    }

    fn open(&mut self, new: NewStream) {
        let key = new.stream.id();
        if new.bind_options.single_port {
            let siblings = self.handover.siblings();
            siblings.settle(key, self.handover.number());
        }
        self.pulse.opened(key, &new.stream.plugin().id);
        self.streams.insert(key, Box::new(StreamDriver::new(new)));
        self.mark_dirty(key);
    }

    fn handle_message(
        &mut self,
        now: Instant,
        key: StreamKey,
        number: Option<u64>,
        message: Message,
    ) {
        if matches!(message, Message::Close | Message::Stop) {
            self.flush(now); // a datagram sent before the end leaves before it, or is told of as long as there is time
        }
        let Some(driver) = self.streams.get_mut(&key) else {
            return;
        };
        if leads_to_candidates(&message) {
            let (sockets, connections) = (&mut self.sockets, &mut self.connections);
            driver.leave_lost(now, &mut self.presence, sockets, connections);
        }
        let answer = driver.stream.handle_message(now, message);
        driver.note_answer(number, answer);
        self.mark_dirty(key);
    }

    fn complete(&mut self, now: Instant, key: StreamKey) {
        if let Some(driver) = self.streams.get_mut(&key) {
            driver.take_completions(now);
            self.mark_dirty(key);
        } else {
            self.handover.forward(key, Command::Completed(key));
        }
    }

    fn wake(&mut self, now: Instant, key: StreamKey, instance_id: u64) {
        if !self.streams.contains_key(&key) {
            return self.handover.forward(key, Command::Wake(key, instance_id));
        }
        self.instances.taken(instance_id);
        if let Some(driver) = self.streams.get_mut(&key) {
            driver.stream.wake(now, instance_id);
            self.mark_dirty(key);
        }
    }

    /// Every stream hears its end, also those that the loop has not seen.
    fn end(&mut self) {
        let now = Instant::now();
        self.pulse.turn();
        for command in self.mailbox.close() {
            match command {
                Command::Open(new) => self.open(*new),
                Command::Adopt(driver) => self.adopt(now, driver),
                _ => {}
            }
        }
        for key in self.streams.keys().copied().collect::<Vec<_>>() {
            self.handle_message(now, key, None, Message::Stop);
        }
        while !self.dirty.is_empty() {
            self.drive_dirty(now);
        }
        for key in self.streams.keys().copied().collect::<Vec<_>>() {
            self.with_driver(now, key, StreamDriver::cut_short);
            self.remove(key);
        }
        self.flush(now);
        if let Some(successor) = self.successor.take() {
            successor.finish();
        }
        self.pulse.at(At::Rest);
    }

    /// A connection to a relay is ready for something.
    fn serve_relay(&mut self, now: Instant, index: usize) {
        let Self {
            relays,
            streams,
            dirty,
            replies,
            ..
        } = self;
        let more = relays.handle_ready(index, |(key, relay), event| {
            if let Some(driver) = streams.get_mut(&key) {
                driver.handle_relay(now, relay, event, dirty, replies);
            }
        });
        if more {
            self.busy.push(Token::Relay(index));
        }
        self.send_replies(now);
    }

    fn send_replies(&mut self, now: Instant) {
        let mut replies = std::mem::take(&mut self.replies);
        for (key, component_id, datagram) in replies.iter() {
            self.send(now, key, component_id, datagram);
        }
        for ((key, component_id), count) in replies.take_refused() {
            if let Some(driver) = self.streams.get_mut(&key) {
                let reason = format!(
                    "{} found no room: 16 MiB are answered with in a turn, and 65,535 bytes at a time",
                    counted(count, "datagram")
                );
                driver.stream.could_not_send(component_id, reason);
                self.mark_dirty(key);
            }
        }
        replies.clear();
        self.replies = replies;
        self.sockets.flush();
    }

    fn pass_time(&mut self, now: Instant) {
        let began = Instant::now();
        while let Some(key) = self.timers.pop_due(now) {
            if let Some(driver) = self.streams.get_mut(&key) {
                driver.armed = None;
                driver.stream.handle_timeout(now);
                driver.mark_dirty(&mut self.dirty);
            }
            if began.elapsed() >= SLICE {
                break;
            }
        }
    }

    fn mark_dirty(&mut self, key: StreamKey) {
        if let Some(driver) = self.streams.get_mut(&key) {
            driver.mark_dirty(&mut self.dirty);
        }
    }

    fn drive_dirty(&mut self, now: Instant) {
        for is_ready in [true, false] {
            let began = Instant::now();
            while let Some(key) = self.dirty.pop(is_ready) {
                self.drive(now, key);
                if began.elapsed() >= SLICE {
                    break;
                }
            }
        }
    }

    /// Who has waited for streams that have been driven.
    fn flushed(&mut self) -> Vec<(StreamKey, SyncSender<()>)> {
        let streams = &self.streams;
        let is_driven = |key: &StreamKey| streams.get(key).is_none_or(|driver| !driver.dirty);
        let flushed = self.flushes.extract_if(.., |(key, _)| is_driven(key));
        flushed.collect()
    }

    /// Carries out what a stream wants.
    fn drive(&mut self, now: Instant, key: StreamKey) {
        let Some(driver) = self.streams.get_mut(&key) else {
            return;
        };
        driver.dirty = false;
        self.pulse.at(At::Streams);
        self.sockets.flush(); // a call into a plugin takes long: nothing waits behind it
        self.with_driver(now, key, StreamDriver::drive);
        let Some(driver) = self.streams.get_mut(&key) else {
            return;
        };
        if driver.stream.has_ended() {
            self.remove(key);
        } else {
            let at = driver.stream.poll_timeout();
            self.timers.arm(key, at, &mut driver.armed);
        }
    }

    fn with_driver(
        &mut self,
        now: Instant,
        key: StreamKey,
        call: impl FnOnce(&mut StreamDriver, &mut LoopContext<'_>),
    ) {
        let Some(driver) = self.streams.get_mut(&key) else {
            return;
        };
        let mut context = LoopContext {
            now,
            nanos: nanos_since(self.epoch, now),
            sockets: &mut self.sockets,
            relays: &mut self.relays,
            connections: &mut self.connections,
            helpers: &mut self.helpers,
            responder: &self.responder,
            stun: &mut self.stun,
            mailbox: &self.mailbox,
            instances: &self.instances,
            replies: &mut self.replies,
            pulse: &self.pulse,
        };
        call(driver, &mut context);
    }

    /// A stream has ended.
    fn remove(&mut self, key: StreamKey) {
        let Some(mut driver) = self.streams.remove(&key) else {
            return;
        };
        if driver.shares_port() {
            self.handover.siblings().forget(key);
        }
        self.timers.arm(key, None, &mut driver.armed);
        self.pulse.ended(key);
        self.helpers.forget(key);
        driver.release(
            &mut self.sockets,
            &mut self.relays,
            &mut self.connections,
            &self.instances,
        );
    }

    /// A datagram of the application's.
    fn send(&mut self, now: Instant, key: StreamKey, component_id: u16, datagram: &[u8]) {
        if let Some(driver) = self.streams.get_mut(&key) {
            let ways = (&mut self.sockets, &mut self.connections);
            driver.send(now, ways, component_id, datagram);
            if driver.stream.has_news(component_id) {
                self.mark_dirty(key);
            }
        }
    }

    /// Sends what waits, and tells those whose datagrams did not leave.
    fn flush(&mut self, now: Instant) {
        self.connections.flush();
        self.sockets.flush();
        while let Some(Unsent {
            sender,
            remote,
            count,
            error,
        }) = self.sockets.poll_unsent()
        {
            tracing::debug!("{count} datagrams were not sent: {error}");
            let (Sender::Ice((key, component_id))
            | Sender::Handshake((key, component_id))
            | Sender::Application((key, component_id))) = sender;
            let Some(driver) = self.streams.get_mut(&key) else {
                continue;
            };
            let stream = &mut driver.stream;
            match sender {
                Sender::Ice(_) => {
                    // ICE repeats its checks.
                    stream.note_unsent_checks(component_id, remote, error.kind(), count);
                    continue;
                }
                Sender::Handshake(_) => stream.note_unsent(now, component_id, Cause::Unsent, count),
                Sender::Application(_) => {
                    for _ in 0..count {
                        stream.could_not_send(component_id, error.to_string());
                    }
                }
            }
            self.mark_dirty(key);
        }
    }
}

/// Whether a stream may tell its peer of its candidates because of a message.
fn leads_to_candidates(message: &Message) -> bool {
    matches!(
        message,
        Message::GenerateLocalSdp
            | Message::GatherCandidates
            | Message::RestartStream
            | Message::SetRemoteCredentials { .. }
            | Message::ParseRemoteSdp { .. }
    )
}

impl Drop for EventLoop {
    /// Also where a turn has panicked: whoever asks for something learns that nobody hears it.
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
