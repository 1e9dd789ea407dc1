//! A stream on its event loop: what it wants is carried out here.
use super::application::{Application, ReplyQueue};
use super::gather::{BindError, Gathering};
use super::helpers::Helpers;
use super::instances::Instances;
use super::loss::Loss;
use super::mailbox::Mailbox;
use super::mdns::{Registration, Responder};
use super::place::{Binding, Member, StreamKey, Way};
use super::relay::{Peer, RelayEvent, Relays};
use super::sockets::Sockets;
use super::tcp::{Connections, SendError};
use crate::component::{self, Arrival};
use crate::ice::{Pair, RelayId, RelayRequest, Transmit, Transport};
use crate::plugin::{Call, Request};
use crate::stream::{Notification, Stream};
use crate::trace::{CallRecorder, Recorder, RelayRecorder};
use rustls::ClientConfig;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// A stream for a loop to take over.
pub(crate) struct NewStream {
    pub(crate) stream: Stream,
    pub(crate) application: Box<dyn Application>,
    pub(crate) gathering: Gathering,
    pub(crate) loss: Option<Loss>,
    /// Whom relays over TLS must be; needed if there is one.
    pub(crate) trust: Option<Arc<ClientConfig>>,
    pub(crate) recorder: Option<Recorder>,
}

impl fmt::Debug for NewStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewStream")
            .field("stream", &self.stream.id())
            .finish_non_exhaustive()
    }
}

/// A stream and what it has on its loop.
pub(super) struct Hosted {
    pub(super) stream: Stream,
    pub(super) application: Box<dyn Application>,
    gathering: Gathering,
    loss: Option<Loss>,
    trust: Option<Arc<ClientConfig>>,
    recorder: Option<Recorder>,
    relay_recorder: Option<RelayRecorder>,
    bindings: Vec<Binding>,
    /// Of TCP listeners.
    listeners: Vec<Binding>,
    /// Addresses that the peer knows by a name, which is answered for; or not, where that does not work.
    hidden: Vec<(IpAddr, Option<Registration>)>,
    /// The latest instance of each component.
    instances: BTreeMap<u16, u64>,
    /// Whether sockets have been bound: what fails to be bound later ends nothing.
    has_gathered: bool,
    /// Its earliest entry among the timers.
    pub(super) armed: Option<Instant>,
    /// Whether it stands among the touched.
    pub(super) touched: bool,
}

/// What a stream needs of its loop to be carried out.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// `now` on the plugins' clock.
    pub(super) nanos: u64,
    pub(super) sockets: &'a mut Sockets,
    pub(super) relays: &'a mut Relays,
    pub(super) connections: &'a mut Connections,
    pub(super) helpers: &'a mut Helpers,
    pub(super) responder: &'a Responder,
    pub(super) mailbox: &'a Arc<Mailbox>,
    pub(super) instances: &'a Instances,
}

impl Hosted {
    pub(super) fn new(new: NewStream) -> Self {
        Self {
            stream: new.stream,
            application: new.application,
            gathering: new.gathering,
            loss: new.loss,
            trust: new.trust,
            relay_recorder: new.recorder.clone().map(RelayRecorder::new),
            recorder: new.recorder,
            bindings: Vec::new(),
            listeners: Vec::new(),
            hidden: Vec::new(),
            instances: BTreeMap::new(),
            has_gathered: false,
            armed: None,
            touched: false,
        }
    }

    /// Puts the stream among the touched, once.
    pub(super) fn touch(&mut self, touched: &mut Vec<StreamKey>) {
        if !std::mem::replace(&mut self.touched, true) {
            touched.push(self.key());
        }
    }

    fn key(&self) -> StreamKey {
        self.stream.id()
    }

    /// Hands in a datagram that has come; returns whose it was.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        way: Way,
        datagram: &[u8],
        touched: &mut Vec<StreamKey>,
        replies: &mut ReplyQueue,
    ) -> Arrival {
        let (key, component_id) = way.member;
        let stream = &mut self.stream;
        let arrival = stream.handle_datagram(now, component_id, way.pair, datagram);
        let of_application = arrival == Arrival::Application;
        if let Some(recorder) = &self.recorder {
            recorder.received(component_id, way.as_it_is(), datagram, of_application);
        }
        if of_application {
            let application = &mut self.application;
            application.receive(component_id, datagram, &mut replies.of(key));
        } else {
            self.touch(touched);
        }
        arrival
    }

    /// Notes a datagram that has come for nobody, if not for this component.
    pub(super) fn note_stray(&self, way: Way, datagram: &[u8]) {
        if let Some(recorder) = &self.recorder {
            recorder.strayed(way.member.1, way.as_it_is(), datagram);
        }
    }

    /// Carries out what the stream wants, until it wants nothing more.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        loop {
            while let Some(request) = self.stream.poll_request() {
                self.note_instance(turn, &request);
                let recorder = self.call_recorder(&request);
                if request.may_take_long() {
                    turn.helpers.submit(request, self.key(), recorder);
                } else {
                    let completion = CallRecorder::run(recorder.as_ref(), request, turn.nanos);
                    self.stream.handle_completion(turn.now, completion);
                }
            }
            if let Some(component_ids) = self.stream.poll_gather() {
                match self.gather(turn, &component_ids) {
                    Ok(()) => self.has_gathered = true,
                    Err(error) if self.has_gathered => self.stream.warn(format!(
                        "nothing was gathered again: {error}; what was bound before stays in use"
                    )),
                    Err(error) => self.stream.fail(turn.now, &error.to_string()),
                }
                if self.has_gathered {
                    self.stream.gathering_done();
                }
            }
            while let Some(lookup) = self.stream.poll_lookup() {
                turn.helpers.look_up(lookup, self.key());
            }
            while let Some(request) = self.stream.poll_relay() {
                self.obey(turn, request);
            }
            while let Some(transmit) = self.stream.poll_transmit() {
                self.transmit(turn, &transmit);
            }
            let Some(mut notification) = self.stream.poll_notification() else {
                return;
            };
            if let Notification::LocalCredentials { .. } = notification {
                self.learn_ufrags(turn);
            }
            if let Notification::NewSelectedPair { component_id, pair } = &mut notification {
                let member = (self.key(), *component_id);
                *pair = turn.connections.as_it_is(member, *pair);
            }
            if let Notification::ComponentClosed { component_id, .. }
            | Notification::ComponentStateFailed { component_id, .. } = notification
            {
                self.release_component(component_id, turn.sockets, turn.connections);
            }
            if let Some(recorder) = &self.recorder {
                recorder.notified(&notification);
            }
            self.application.notify(notification);
        }
    }

    /// A new instance can be woken from before its `init` on, and the component's last one not any more.
    fn note_instance(&mut self, turn: &Turn<'_>, request: &Request) {
        if let Call::Init(_, parameters) = request.call() {
            let id = parameters.instance_id;
            turn.instances.insert(id, turn.mailbox, self.key());
            if let Some(last) = self.instances.insert(parameters.component_id, id) {
                turn.instances.remove(last);
            }
        }
    }

    fn call_recorder(&self, request: &Request) -> Option<CallRecorder> {
        let recorder = self.recorder.clone()?;
        let component_id = self.stream.component_of(request.instance_id())?;
        Some(CallRecorder {
            recorder,
            component_id,
        })
    }

    /// Binds each of these components to every local address it has no socket at yet.
    fn gather(&mut self, turn: &mut Turn<'_>, component_ids: &[u16]) -> Result<(), BindError> {
        if self.stream.is_relay_only() {
            return Ok(());
        }
        let addresses = self.gathering.addresses()?;
        for &component_id in component_ids {
            let mut failure = None;
            for &address in &addresses {
                if let Err(source) = self.bind(turn, component_id, address) {
                    failure = Some(BindError::Bind { address, source });
                }
            }
            let mut bindings = self.bindings.iter().chain(&self.listeners);
            let is_bound = bindings.any(|binding| binding.component_id == component_id);
            if let Some(failure) = failure
                && !is_bound
            {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn bind(&mut self, turn: &mut Turn<'_>, component_id: u16, address: IpAddr) -> io::Result<()> {
        self.hide(address, turn.responder);
        let key = self.key();
        let is_there = |binding: &&Binding| {
            binding.component_id == component_id && binding.local.ip() == address
        };
        let gathering = &self.gathering;
        let mut socket = self.bindings.iter().find(is_there).copied();
        if socket.is_none() && !gathering.no_udp {
            let binding = turn.sockets.bind(gathering, component_id, address)?;
            let ufrags = self.stream.local_ufrags(component_id);
            turn.sockets.set_ufrags(binding, key, ufrags);
            self.stream.add_local_address(component_id, binding.local);
            self.bindings.push(binding);
            socket = Some(binding);
        }
        if gathering.tcp.connects() {
            self.stream.add_connector(component_id, address);
        }
        if gathering.tcp.listens() && !self.listeners.iter().any(|binding| is_there(&binding)) {
            let port = socket.map(|socket| socket.local.port());
            let connections = &mut turn.connections;
            let binding = connections.bind(gathering, component_id, address, port)?;
            let ufrags = self.stream.local_ufrags(component_id);
            connections.set_ufrags(binding, key, ufrags);
            self.stream.add_listener(component_id, binding.local);
            self.listeners.push(binding);
        }
        Ok(())
    }

    /// Answers for the name of an address from now on, if the peer is told that instead.
    fn hide(&mut self, address: IpAddr, responder: &Responder) {
        if self.hidden.iter().any(|(hidden, _)| *hidden == address) {
            return;
        }
        let Some(name) = self.stream.hidden_name(address) else {
            return;
        };
        let registration = match responder.register(&name, address) {
            Ok((registration, warning)) => {
                if let Some(warning) = warning {
                    self.stream.warn(warning);
                }
                Some(registration)
            }
            Err(error) => {
                // The peer is told the name all the same: what it does not find there, it sees in our checks.
                self.stream.warn(format!(
                    "multicast DNS does not work here ({error}): the peer cannot look up {name}, so it must be \
                     reachable itself; see who holds UDP port 5353, or do without --hide-addresses"
                ));
                None
            }
        };
        self.hidden.push((address, registration));
    }

    /// What is to be done with a connection to a relay.
    fn obey(&mut self, turn: &mut Turn<'_>, request: RelayRequest) {
        let key = self.key();
        match request {
            RelayRequest::Open {
                relay,
                address,
                transport,
                host,
            } => {
                if let Some(recorder) = &mut self.relay_recorder {
                    recorder.opening(relay, address, transport);
                }
                let peer = Peer {
                    address,
                    host: &host,
                    trust: self.trust.as_ref(),
                };
                match turn.relays.open((key, relay), transport, &peer) {
                    Ok(Some(local)) => self.relay_opened(turn.now, relay, local),
                    Ok(None) => {}
                    Err(error) => {
                        let cause = error.to_string();
                        self.stream.relay_closed(turn.now, relay, &cause);
                    }
                }
            }
            RelayRequest::Send { relay, contents } => {
                if let Some(recorder) = &self.relay_recorder {
                    recorder.sent(relay, &contents);
                }
                turn.relays.send((key, relay), &contents);
            }
            RelayRequest::Close { relay } => turn.relays.close((key, relay)),
        }
    }

    /// Tells the stream what has happened to a connection to a relay.
    pub(super) fn handle_relay(
        &mut self,
        now: Instant,
        relay: RelayId,
        event: RelayEvent<'_>,
        touched: &mut Vec<StreamKey>,
        replies: &mut ReplyQueue,
    ) {
        match event {
            RelayEvent::Opened(local) => self.relay_opened(now, relay, local),
            RelayEvent::Bytes(bytes) => {
                if let Some(recorder) = &self.relay_recorder {
                    recorder.received(relay, bytes);
                }
                let (id, key) = (relay.component_id, self.key());
                let application = &mut self.application;
                self.stream.handle_relay(now, relay, bytes, |datagram| {
                    application.receive(id, datagram, &mut replies.of(key));
                });
            }
            RelayEvent::Closed(cause) => self.stream.relay_closed(now, relay, &cause),
        }
        self.touch(touched);
    }

    /// A connection to a relay stands.
    fn relay_opened(&mut self, now: Instant, relay: RelayId, local: SocketAddr) {
        if let Some(recorder) = &mut self.relay_recorder {
            recorder.opened(relay, local);
        }
        self.stream.relay_opened(now, relay, local);
    }

    /// After a restart requests come under another ufrag.
    fn learn_ufrags(&mut self, turn: &mut Turn<'_>) {
        let key = self.key();
        for binding in &self.bindings {
            let ufrags = self.stream.local_ufrags(binding.component_id);
            turn.sockets.set_ufrags(*binding, key, ufrags);
        }
        for binding in &self.listeners {
            let ufrags = self.stream.local_ufrags(binding.component_id);
            turn.connections.set_ufrags(*binding, key, ufrags);
        }
    }

    fn binding_at(&self, local: SocketAddr) -> Option<Binding> {
        let mut bindings = self.bindings.iter();
        bindings.find(|binding| binding.local == local).copied()
    }

    /// A datagram of ICE's or a handshake's.
    fn transmit(&mut self, turn: &mut Turn<'_>, (component_id, transmit): &(u16, Transmit)) {
        let (pair, datagram) = (transmit.pair(), &transmit.contents);
        let member = (self.key(), *component_id);
        match (pair.transport, self.binding_at(pair.local)) {
            (Transport::Tcp, _) => {
                // What does not leave is sent again by whoever needs it.
                let _ =
                    self.send_over_tcp(turn.now, turn.connections, (member, pair), datagram, false);
            }
            (Transport::Udp, Some(Binding { index, .. })) => {
                if !self.loses(member.1, pair, datagram, false) {
                    let remote = transmit.remote;
                    turn.sockets
                        .transmit(turn.now, index, remote, member, datagram);
                }
            }
            (Transport::Udp, None) => {}
        }
    }

    /// Notes that a datagram is to leave; returns whether it is lost on purpose.
    fn loses(
        &mut self,
        component_id: u16,
        pair: Pair,
        datagram: &[u8],
        of_application: bool,
    ) -> bool {
        let lost = self.loss.as_mut().is_some_and(Loss::drops);
        if let Some(recorder) = &self.recorder {
            recorder.sent(component_id, pair, datagram, of_application, lost);
        }
        lost
    }

    /// A datagram that has no connection to leave by is not noted.
    fn send_over_tcp(
        &mut self,
        now: Instant,
        connections: &mut Connections,
        (member, pair): (Member, Pair),
        datagram: &[u8],
        of_application: bool,
    ) -> Result<(), SendError> {
        let lost = self.loss.as_mut().is_some_and(Loss::drops);
        if !lost {
            connections.send(now, member, pair, datagram)?;
        }
        if let Some(recorder) = &self.recorder {
            let shown = connections.as_it_is(member, pair);
            recorder.sent(member.1, shown, datagram, of_application, lost);
        }
        Ok(())
    }

    /// A datagram of the application's. If it cannot be sent, the stream says so.
    pub(super) fn send(
        &mut self,
        now: Instant,
        (sockets, connections): (&mut Sockets, &mut Connections),
        component_id: u16,
        datagram: &[u8],
    ) {
        let member = (self.key(), component_id);
        let sent = match self.stream.route(component_id) {
            Ok(_) if datagram.is_empty() => Err(component::SendError::Empty.to_string()),
            Ok(pair) if pair.transport == Transport::Tcp => {
                let sent = self.send_over_tcp(now, connections, (member, pair), datagram, true);
                sent.map_err(|error| error.to_string())
            }
            Ok(pair) => match self.binding_at(pair.local) {
                Some(binding) => {
                    if !self.loses(component_id, pair, datagram, true) {
                        sockets.push(binding.index, pair.remote, Some(member), datagram);
                    }
                    Ok(())
                }
                None if self.stream.send_relayed(now, component_id, pair, datagram) => Ok(()),
                None => Err("its socket is gone".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = sent {
            self.stream.could_not_send(component_id, reason);
        }
    }

    /// The stream has ended: its sockets are free, its relays, and its connections.
    pub(super) fn release(
        mut self,
        sockets: &mut Sockets,
        relays: &mut Relays,
        connections: &mut Connections,
        instances: &Instances,
    ) {
        for id in self.instances.values() {
            instances.remove(*id);
        }
        relays.close_all_of(self.key());
        for component_id in self.stream.component_ids() {
            self.release_component(component_id, sockets, connections);
        }
    }

    /// A component has ended: its sockets are free, and its connections.
    fn release_component(
        &mut self,
        component_id: u16,
        sockets: &mut Sockets,
        connections: &mut Connections,
    ) {
        let key = self.key();
        connections.close_all_of((key, component_id));
        let its = |binding: &mut Binding| binding.component_id == component_id;
        for binding in self.listeners.extract_if(.., its) {
            connections.release(binding, key);
        }
        sockets.flush(); // its last words
        for binding in self.bindings.extract_if(.., its) {
            sockets.release(binding, key);
        }
    }
}
