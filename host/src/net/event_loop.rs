//! One thread's sockets and streams, turn after turn.
mod connections;

use super::application::ReplyQueue;
use super::batch::Unsent;
use super::bindings::Bound;
use super::helpers::Helpers;
use super::hosted::{Hosted, NewStream, Turn};
use super::instances::Instances;
use super::mailbox::{Command, Mailbox};
use super::mdns::Responder;
use super::place::{StreamKey, Way};
use super::receiver::Receiver;
use super::relay::Relays;
use super::sockets::Sockets;
use super::tcp::Connections;
use super::timers::Timers;
use super::token::Token;
use crate::component::Arrival;
use crate::ice::{Pair, Transport};
use crate::plugin::{Completion, nanos_since};
use crate::stream::Message;
use mio::{Events, Poll, Waker};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
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
    responder: Arc<Responder>,
    instances: Arc<Instances>,
    streams: HashMap<StreamKey, Hosted>,
    timers: Timers,
    touched: Vec<StreamKey>,
    busy: Vec<Token>,
    replies: ReplyQueue,
    running: bool,
}

impl EventLoop {
    /// # Errors
    /// The system gives no means to wait for sockets.
    pub(crate) fn new(
        epoch: Instant,
        responder: Arc<Responder>,
        instances: Arc<Instances>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token::Waker.into())?;
        let mailbox = Arc::new(Mailbox::new(waker));
        let sockets = Sockets::new(poll.registry().try_clone()?);
        let relays = Relays::new(poll.registry().try_clone()?);
        let connections = Connections::new(poll.registry().try_clone()?);
        Ok(Self {
            poll,
            helpers: Helpers::new(epoch, Arc::clone(&mailbox)),
            mailbox,
            epoch,
            sockets,
            relays,
            connections,
            responder,
            instances,
            streams: HashMap::new(),
            timers: Timers::new(),
            touched: Vec::new(),
            busy: Vec::new(),
            replies: ReplyQueue::default(),
            running: true,
        })
    }

    /// Where other threads put their wishes.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Turns until it is told to shut down.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut receiver = Receiver::new();
        let (mut commands, mut used) = (Vec::new(), Vec::new());
        let (mut ready, mut due) = (Vec::new(), None);
        while self.running {
            self.wait(due, &mut events);
            self.mailbox.take(&mut commands, &mut used);
            let now = Instant::now();
            for command in commands.drain(..) {
                self.obey(now, command, &mut used);
            }
            self.sockets.flush();
            ready.append(&mut self.busy);
            ready.extend(events.iter().map(|event| Token::from(event.token())));
            ready.sort_unstable();
            ready.dedup(); // one turn each
            for token in ready.drain(..) {
                match token {
                    Token::Waker => {} // what there was to take has been taken
                    Token::Socket(index) => self.receive(now, index, &mut receiver),
                    Token::Listener(index) => self.accept_connections(now, index),
                    Token::Connection(index) => self.serve_connection(now, index),
                    Token::Relay(index) => self.serve_relay(now, index),
                }
            }
            self.sweep_connections(now);
            self.pass_time(now);
            self.settle_touched(now);
            self.flush();
            let helped = self.helpers.dispatch(now);
            let due_times = [helped, self.connections.next_sweep()];
            due = due_times.into_iter().flatten().min();
        }
    }

    fn wait(&mut self, due: Option<Instant>, events: &mut Events) {
        // A failed send at the end of a turn leaves its stream to be settled.
        let idle = self.busy.is_empty() && self.touched.is_empty();
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

    fn obey(&mut self, now: Instant, command: Command, used: &mut Vec<Vec<u8>>) {
        match command {
            Command::Open(new) => self.open(*new),
            Command::Message(key, number, message) => self.hear(now, key, number, message),
            Command::Send(key, component_id, datagram) => {
                self.send(now, key, component_id, &datagram);
                used.push(datagram);
            }
            Command::Overflowed(key, component_id, count) => {
                if let Some(hosted) = self.streams.get_mut(&key) {
                    let reason = format!(
                        "{count} datagrams came too fast: send them no faster than they leave"
                    );
                    hosted.stream.could_not_send(component_id, reason);
                    self.touch(key);
                }
            }
            Command::Completed(key, completion) => self.complete(now, key, *completion),
            Command::Found(key, lookup, found) => {
                if let Some(hosted) = self.streams.get_mut(&key) {
                    hosted.stream.handle_lookup(now, &lookup, &found);
                    self.touch(key);
                }
            }
            Command::Wake(key, instance_id) => self.wake(now, key, instance_id),
            Command::Shutdown => self.shut_down(now),
        }
    }

    fn open(&mut self, new: NewStream) {
        let key = new.stream.id();
        self.streams.insert(key, Hosted::new(new));
        self.touch(key);
    }

    fn hear(&mut self, now: Instant, key: StreamKey, number: Option<u64>, message: Message) {
        if matches!(message, Message::Close | Message::Stop) {
            self.flush(); // a datagram sent before the end leaves before it, or is told of as long as there is time
        }
        let Some(hosted) = self.streams.get_mut(&key) else {
            return;
        };
        let heard = hosted.stream.handle_message(now, message);
        self.touch(key);
        if let Err(refused) = heard {
            // What led to the refusal, such as the stream's end, is reported before it.
            self.settle(now, key);
            if let Some(hosted) = self.streams.get_mut(&key) {
                hosted.application.refused(number, refused);
            }
        }
    }

    fn complete(&mut self, now: Instant, key: StreamKey, completion: Completion) {
        // A stream that ended meanwhile: dropping the completion destroys its instance.
        if let Some(hosted) = self.streams.get_mut(&key) {
            hosted.stream.handle_completion(now, completion);
            self.touch(key);
        }
    }

    fn wake(&mut self, now: Instant, key: StreamKey, instance_id: u64) {
        if let Some(hosted) = self.streams.get_mut(&key) {
            hosted.stream.wake(now, instance_id);
            self.touch(key);
        }
    }

    fn shut_down(&mut self, now: Instant) {
        for key in self.streams.keys().copied().collect::<Vec<_>>() {
            self.hear(now, key, None, Message::Stop);
        }
        self.running = false;
    }

    fn receive(&mut self, now: Instant, index: usize, receiver: &mut Receiver) {
        let Self {
            sockets,
            streams,
            touched,
            replies,
            ..
        } = self;
        let Some(Bound {
            inner: socket,
            local,
            demux,
            ..
        }) = sockets.get_mut(index)
        else {
            return;
        };
        let mut data = false;
        let more = receiver.receive(socket, |remote, datagram| {
            let (local, pair) = (*local, Pair::udp(*local, remote));
            let way = |member| Way {
                member,
                pair,
                local,
            };
            let Some(member) = demux.route(remote, datagram) else {
                if let Some(sole) = demux.sole_member()
                    && let Some(hosted) = streams.get(&sole.0)
                {
                    hosted.note_stray(way(sole), datagram);
                }
                return;
            };
            let (key, component_id) = member;
            let Some(hosted) = streams.get_mut(&key) else {
                return;
            };
            match hosted.deliver(now, way(member), datagram, touched, replies) {
                Arrival::Application => data = true,
                Arrival::Validated => demux.add_address(remote, member, |remote| {
                    let stream = &hosted.stream;
                    stream.is_validated(component_id, Transport::Udp, remote)
                }),
                Arrival::Consumed => {}
            }
        });
        if data && let Some(socket) = self.sockets.get_mut(index) {
            socket.inner.expect_data();
        }
        if more {
            self.busy.push(Token::Socket(index));
        }
        self.send_replies(now);
    }

    /// A connection to a relay is ready for something.
    fn serve_relay(&mut self, now: Instant, index: usize) {
        let Self {
            relays,
            streams,
            touched,
            replies,
            ..
        } = self;
        let more = relays.handle_ready(index, |(key, relay), event| {
            if let Some(hosted) = streams.get_mut(&key) {
                hosted.handle_relay(now, relay, event, touched, replies);
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
        replies.clear();
        self.replies = replies;
        self.sockets.flush();
    }

    fn pass_time(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.pop_due(now) {
            let Some(hosted) = self.streams.get_mut(&key) else {
                continue;
            };
            if hosted.armed == Some(at) {
                hosted.armed = None;
                hosted.stream.handle_timeout(now);
                self.touch(key);
            }
        }
    }

    fn touch(&mut self, key: StreamKey) {
        if let Some(hosted) = self.streams.get_mut(&key) {
            hosted.touch(&mut self.touched);
        }
    }

    fn settle_touched(&mut self, now: Instant) {
        while let Some(key) = self.touched.pop() {
            self.settle(now, key);
        }
    }

    /// Carries out what a stream wants.
    fn settle(&mut self, now: Instant, key: StreamKey) {
        let nanos = nanos_since(self.epoch, now);
        let Some(hosted) = self.streams.get_mut(&key) else {
            return;
        };
        hosted.touched = false;
        self.sockets.flush(); // a call into a plugin takes long: nothing waits behind it
        hosted.settle(&mut Turn {
            now,
            nanos,
            sockets: &mut self.sockets,
            relays: &mut self.relays,
            connections: &mut self.connections,
            helpers: &mut self.helpers,
            responder: &self.responder,
            mailbox: &self.mailbox,
            instances: &self.instances,
        });
        if !hosted.stream.has_ended() {
            let at = hosted.stream.poll_timeout();
            self.timers.arm(key, at, &mut hosted.armed);
        } else if let Some(hosted) = self.streams.remove(&key) {
            hosted.release(
                &mut self.sockets,
                &mut self.relays,
                &mut self.connections,
                &self.instances,
            );
        }
    }

    /// A datagram of the application's.
    fn send(&mut self, now: Instant, key: StreamKey, component_id: u16, datagram: &[u8]) {
        if let Some(hosted) = self.streams.get_mut(&key) {
            let ways = (&mut self.sockets, &mut self.connections);
            hosted.send(now, ways, component_id, datagram);
            if hosted.stream.has_news() {
                self.touch(key);
            }
        }
    }

    /// Sends what waits, and tells those whose datagrams did not leave.
    fn flush(&mut self) {
        self.connections.flush();
        self.sockets.flush();
        while let Some(Unsent {
            member,
            count,
            error,
        }) = self.sockets.poll_unsent()
        {
            let owner = member.and_then(|(key, id)| Some((key, id, self.streams.get_mut(&key)?)));
            let Some((key, component_id, hosted)) = owner else {
                tracing::debug!("a datagram was not sent: {error}");
                continue;
            };
            for _ in 0..count {
                hosted
                    .stream
                    .could_not_send(component_id, error.to_string());
            }
            self.touch(key);
        }
    }
}
