use super::application::{Application, ReplyQueue};
use super::gather::Gathering;
use super::helpers::Helpers;
use super::loss::Loss;
use super::mailbox::{Command, Mailbox, StreamKey};
use super::socket::{Batch, Receiver, Socket, Unsent};
use super::timers::Timers;
use crate::component::Arrival;
use crate::plugin::Completion;
use crate::stream::{Message, Notification, Stream};
use mio::{Events, Poll, Token, Waker};
use slab::Slab;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A stream for a loop to take over.
pub(crate) struct NewStream {
    pub(crate) stream: Stream,
    pub(crate) application: Box<dyn Application>,
    pub(crate) gathering: Gathering,
    pub(crate) loss: Option<Loss>,
}

impl fmt::Debug for NewStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewStream")
            .field("stream", &self.stream.id())
            .finish_non_exhaustive()
    }
}

/// A stream and what it has here.
struct Hosted {
    stream: Stream,
    application: Box<dyn Application>,
    gathering: Gathering,
    loss: Option<Loss>,
    /// Its sockets: component, index, address.
    sockets: Vec<(u16, usize, SocketAddr)>,
    /// Its earliest entry among the timers.
    armed: Option<Instant>,
    /// Whether it stands among the touched.
    touched: bool,
}

/// One thread's sockets and streams.
pub(crate) struct EventLoop {
    poll: Poll,
    mailbox: Arc<Mailbox>,
    helpers: Helpers,
    epoch: Instant,
    sockets: Slab<Socket>,
    streams: HashMap<StreamKey, Hosted>,
    timers: Timers<StreamKey>,
    touched: Vec<StreamKey>,
    busy: Vec<usize>,
    batch: Batch,
    replies: ReplyQueue,
    running: bool,
}

const WAKER: Token = Token(usize::MAX);

impl EventLoop {
    /// # Errors
    /// The system gives no means to wait for sockets.
    pub(crate) fn new(epoch: Instant) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let mailbox = Arc::new(Mailbox::new(waker));
        Ok(Self {
            poll,
            helpers: Helpers::new(epoch, Arc::clone(&mailbox)),
            mailbox,
            epoch,
            sockets: Slab::new(),
            streams: HashMap::new(),
            timers: Timers::new(),
            touched: Vec::new(),
            busy: Vec::new(),
            batch: Batch::new(),
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
        let mut due = None;
        while self.running {
            self.wait(due, &mut events);
            self.mailbox.take(&mut commands, &mut used);
            let now = Instant::now();
            for command in commands.drain(..) {
                self.obey(now, command, &mut used);
            }
            let waiting = std::mem::take(&mut self.busy);
            let ready = events
                .iter()
                .map(mio::event::Event::token)
                .filter(|token| *token != WAKER);
            for index in ready.map(|token| token.0).chain(waiting) {
                self.receive(now, index, &mut receiver);
            }
            self.pass_time(now);
            self.settle_touched(now);
            self.flush();
            due = self.helpers.dispatch(now);
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
                self.send(key, component_id, &datagram);
                used.push(datagram);
            }
            Command::Completed(key, completion) => self.complete(now, key, *completion),
            Command::Wake(instance_id) => self.wake(now, instance_id),
            Command::Shutdown => self.shut_down(now),
        }
    }

    fn open(&mut self, new: NewStream) {
        let NewStream {
            stream,
            application,
            gathering,
            loss,
        } = new;
        let key = stream.id();
        let hosted = Hosted {
            stream,
            application,
            gathering,
            loss,
            sockets: Vec::new(),
            armed: None,
            touched: false,
        };
        self.streams.insert(key, hosted);
        self.touch(key);
    }

    fn hear(&mut self, now: Instant, key: StreamKey, number: Option<u64>, message: Message) {
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

    fn wake(&mut self, now: Instant, instance_id: u64) {
        let owner = self
            .streams
            .iter_mut()
            .find(|(_, hosted)| hosted.stream.owns(instance_id));
        if let Some((&key, hosted)) = owner {
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
        // Taken out for the batch: what arrives touches everything else here.
        let Some(socket) = self.sockets.get(index) else {
            return;
        };
        let local = socket.local;
        let Self {
            sockets,
            streams,
            touched,
            replies,
            ..
        } = self;
        let socket = &mut sockets[index];
        let mut learned = Vec::new();
        let more = receiver.receive(socket, |remote, datagram| {
            let Some((key, component_id)) = socket.demux.route(remote, datagram) else {
                return;
            };
            let Some(hosted) = streams.get_mut(&key) else {
                return;
            };
            match hosted
                .stream
                .handle_datagram(now, component_id, local, remote, datagram)
            {
                Arrival::Application => {
                    hosted
                        .application
                        .receive(component_id, datagram, &mut replies.of(key));
                    return;
                }
                Arrival::Validated => learned.push((remote, (key, component_id))),
                Arrival::Consumed => {}
            }
            if !std::mem::replace(&mut hosted.touched, true) {
                touched.push(key);
            }
        });
        for (remote, member) in learned {
            self.sockets[index].demux.add_address(remote, member);
        }
        if more {
            self.busy.push(index);
        }
        self.send_replies();
    }

    fn send_replies(&mut self) {
        let mut replies = std::mem::take(&mut self.replies);
        for (key, component_id, datagram) in replies.iter() {
            self.send(key, component_id, datagram);
        }
        replies.clear();
        self.replies = replies;
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
        if let Some(hosted) = self.streams.get_mut(&key)
            && !std::mem::replace(&mut hosted.touched, true)
        {
            self.touched.push(key);
        }
    }

    fn settle_touched(&mut self, now: Instant) {
        while let Some(key) = self.touched.pop() {
            self.settle(now, key);
        }
    }

    /// Carries out what a stream wants.
    fn settle(&mut self, now: Instant, key: StreamKey) {
        let Some(mut hosted) = self.streams.remove(&key) else {
            return;
        };
        loop {
            while let Some(request) = hosted.stream.poll_request() {
                if request.may_take_long() {
                    self.helpers.submit(request, key);
                } else {
                    let completion = request.run(self.nanos(now));
                    hosted.stream.handle_completion(now, completion);
                }
            }
            if hosted.stream.poll_gather() {
                self.gather(now, key, &mut hosted);
            }
            while let Some(transmit) = hosted.stream.poll_transmit() {
                self.transmit(
                    now,
                    key,
                    &mut hosted,
                    transmit.local,
                    transmit.remote,
                    &transmit.contents,
                );
            }
            match hosted.stream.poll_notification() {
                Some(notification) => {
                    self.learn_ufrags(key, &hosted, &notification);
                    hosted.application.notify(notification);
                }
                None => break,
            }
        }
        hosted.touched = false;
        if hosted.stream.has_ended() {
            self.flush();
            self.remove(key, hosted);
        } else {
            let at = hosted.stream.poll_timeout();
            self.timers.arm(key, at, &mut hosted.armed);
            self.streams.insert(key, hosted);
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    fn gather(&mut self, now: Instant, key: StreamKey, hosted: &mut Hosted) {
        for component_id in hosted.stream.component_ids() {
            let bound = match hosted
                .gathering
                .bind(|address| hosted.has(component_id, address))
            {
                Ok(bound) => bound,
                Err(error) => return hosted.stream.fail(now, &error.to_string()),
            };
            for socket in bound {
                if let Err(error) = self.add_socket(key, hosted, component_id, socket) {
                    return hosted
                        .stream
                        .fail(now, &format!("a UDP socket could not be watched: {error}"));
                }
            }
        }
        hosted.stream.gathering_done();
    }

    fn add_socket(
        &mut self,
        key: StreamKey,
        hosted: &mut Hosted,
        component_id: u16,
        socket: std::net::UdpSocket,
    ) -> io::Result<()> {
        let entry = self.sockets.vacant_entry();
        let index = entry.key();
        let mut socket = Socket::register(socket, self.poll.registry(), Token(index))?;
        let local = socket.local;
        for ufrag in hosted.stream.local_ufrags(component_id) {
            socket.demux.add_ufrag(ufrag, (key, component_id));
        }
        entry.insert(socket);
        hosted.sockets.push((component_id, index, local));
        hosted.stream.add_local_address(component_id, local);
        Ok(())
    }

    /// After a restart requests come under another ufrag.
    fn learn_ufrags(&mut self, key: StreamKey, hosted: &Hosted, notification: &Notification) {
        if let Notification::LocalCredentials { .. } = notification {
            for &(component_id, index, _) in &hosted.sockets {
                for ufrag in hosted.stream.local_ufrags(component_id) {
                    self.sockets[index]
                        .demux
                        .add_ufrag(ufrag, (key, component_id));
                }
            }
        }
    }

    /// A datagram of ICE's or a handshake's.
    fn transmit(
        &mut self,
        now: Instant,
        key: StreamKey,
        hosted: &mut Hosted,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) {
        let Some(&(component_id, index, _)) = hosted.sockets.iter().find(|(_, _, at)| *at == local)
        else {
            return;
        };
        self.sockets[index]
            .demux
            .note_sent(now, datagram, (key, component_id));
        if !hosted.loses() {
            self.push(index, remote, None, datagram);
        }
    }

    /// A datagram of the application's.
    fn send(&mut self, key: StreamKey, component_id: u16, datagram: &[u8]) {
        let Some(hosted) = self.streams.get_mut(&key) else {
            return;
        };
        let route = hosted
            .stream
            .route(component_id)
            .map_err(|error| error.to_string());
        let way = route.and_then(|pair| {
            let socket = hosted.sockets.iter().find(|(_, _, at)| *at == pair.local);
            socket
                .map(|(_, index, _)| (*index, pair.remote))
                .ok_or_else(|| "its socket is gone".to_owned())
        });
        match way {
            Ok((index, remote)) => {
                if !hosted.loses() {
                    self.push(index, remote, Some((key, component_id)), datagram);
                }
            }
            Err(reason) => {
                hosted.stream.could_not_send(component_id, reason);
                self.touch(key);
            }
        }
    }

    fn push(
        &mut self,
        index: usize,
        remote: SocketAddr,
        member: Option<(StreamKey, u16)>,
        datagram: &[u8],
    ) {
        if !self
            .batch
            .takes(&self.sockets[index], index, remote, member, datagram.len())
        {
            self.flush();
        }
        self.batch.push(index, remote, member, datagram);
    }

    fn flush(&mut self) {
        let Some(socket) = self
            .batch
            .socket()
            .and_then(|index| self.sockets.get(index))
        else {
            return;
        };
        let Err(Unsent {
            member,
            count,
            error,
        }) = self.batch.flush(socket)
        else {
            return;
        };
        match member.and_then(|(key, id)| Some((key, id, self.streams.get_mut(&key)?))) {
            Some((key, component_id, hosted)) => {
                for _ in 0..count {
                    hosted
                        .stream
                        .could_not_send(component_id, error.to_string());
                }
                self.touch(key);
            }
            None => tracing::debug!("a datagram was not sent: {error}"),
        }
    }

    fn remove(&mut self, key: StreamKey, hosted: Hosted) {
        for (component_id, index, _) in hosted.sockets {
            if self.sockets[index].demux.remove((key, component_id)) {
                self.sockets.remove(index).deregister(self.poll.registry());
            }
        }
    }
}

impl Hosted {
    fn has(&self, component_id: u16, address: std::net::IpAddr) -> bool {
        self.sockets
            .iter()
            .any(|(id, _, local)| *id == component_id && local.ip() == address)
    }

    fn loses(&mut self) -> bool {
        self.loss.as_mut().is_some_and(Loss::drops)
    }
}
