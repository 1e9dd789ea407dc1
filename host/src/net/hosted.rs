//! A stream on its event loop: what it wants is carried out here.
use super::application::Application;
use super::gather::{BindError, Gathering};
use super::helpers::Helpers;
use super::loss::Loss;
use super::mailbox::StreamKey;
use super::mdns::{Registration, Responder};
use super::relay::{Peer, Relays};
use super::sockets::{Binding, Sockets};
use crate::ice::{RelayId, RelayRequest, Transmit};
use crate::plugin::Request;
use crate::stream::{Notification, Stream};
use crate::trace::{CallRecorder, Recorder, RelayRecorder};
use rustls::ClientConfig;
use std::fmt;
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
    pub(super) recorder: Option<Recorder>,
    pub(super) relay_recorder: Option<RelayRecorder>,
    bindings: Vec<Binding>,
    /// Addresses that the peer knows by a name, which is answered for; or not, where that does not work.
    hidden: Vec<(IpAddr, Option<Registration>)>,
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
    pub(super) helpers: &'a mut Helpers,
    pub(super) responder: &'a Responder,
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
            hidden: Vec::new(),
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

    /// Carries out what the stream wants, until it wants nothing more.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        loop {
            while let Some(request) = self.stream.poll_request() {
                let recorder = self.call_recorder(&request);
                if request.may_take_long() {
                    turn.helpers.submit(request, self.key(), recorder);
                } else {
                    let completion = CallRecorder::run(recorder.as_ref(), request, turn.nanos);
                    self.stream.handle_completion(turn.now, completion);
                }
            }
            if self.stream.poll_gather() {
                match self.gather(turn) {
                    Ok(()) => self.stream.gathering_done(),
                    Err(error) => self.stream.fail(turn.now, &error.to_string()),
                }
            }
            while let Some(lookup) = self.stream.poll_lookup() {
                turn.helpers.look_up(lookup, self.key());
            }
            while let Some(request) = self.stream.poll_relay() {
                self.obey(turn, request);
            }
            while let Some(transmit) = self.stream.poll_transmit() {
                self.transmit(turn.now, turn.sockets, &transmit);
            }
            let Some(notification) = self.stream.poll_notification() else {
                return;
            };
            if let Notification::LocalCredentials { .. } = notification {
                self.learn_ufrags(turn.sockets);
            }
            if let Some(recorder) = &self.recorder {
                recorder.notified(&notification);
            }
            self.application.notify(notification);
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

    /// Binds each component to every local address it has no socket at yet.
    fn gather(&mut self, turn: &mut Turn<'_>) -> Result<(), BindError> {
        if self.stream.is_relay_only() {
            return Ok(());
        }
        let addresses = self.gathering.addresses()?;
        for component_id in self.stream.component_ids() {
            let mut failure = None;
            let is_bound = |binding: &Binding| binding.component_id == component_id;
            for &address in &addresses {
                let mut bindings = self.bindings.iter().filter(|binding| is_bound(binding));
                if bindings.any(|binding| binding.local.ip() == address) {
                    continue;
                }
                match turn.sockets.bind(&self.gathering, component_id, address) {
                    Ok(binding) => self.add(binding, turn),
                    Err(source) => failure = Some(BindError::Bind { address, source }),
                }
            }
            if let Some(failure) = failure
                && !self.bindings.iter().any(is_bound)
            {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn add(&mut self, binding: Binding, turn: &mut Turn<'_>) {
        self.bindings.push(binding);
        let ufrags = self.stream.local_ufrags(binding.component_id);
        turn.sockets.set_ufrags(binding, self.stream.id(), ufrags);
        self.hide(binding.local.ip(), turn.responder);
        self.stream
            .add_local_address(binding.component_id, binding.local);
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

    /// A connection to a relay stands.
    pub(super) fn relay_opened(&mut self, now: Instant, relay: RelayId, local: SocketAddr) {
        if let Some(recorder) = &mut self.relay_recorder {
            recorder.opened(relay, local);
        }
        self.stream.relay_opened(now, relay, local);
    }

    /// After a restart requests come under another ufrag.
    fn learn_ufrags(&mut self, sockets: &mut Sockets) {
        for binding in &self.bindings {
            let ufrags = self.stream.local_ufrags(binding.component_id);
            sockets.set_ufrags(*binding, self.stream.id(), ufrags);
        }
    }

    fn binding_at(&self, local: SocketAddr) -> Option<Binding> {
        let mut bindings = self.bindings.iter();
        bindings.find(|binding| binding.local == local).copied()
    }

    /// A datagram of ICE's or a handshake's.
    fn transmit(&mut self, now: Instant, sockets: &mut Sockets, transmit: &Transmit) {
        let Some(binding) = self.binding_at(transmit.local) else {
            return;
        };
        let member = (self.stream.id(), binding.component_id);
        let lost = self.loss.as_mut().is_some_and(Loss::drops);
        if let Some(recorder) = &self.recorder {
            let pair = (transmit.local, transmit.remote);
            let datagram = &transmit.contents;
            recorder.sent(binding.component_id, pair, datagram, false, lost);
        }
        if !lost {
            let (index, datagram) = (binding.index, &transmit.contents);
            sockets.transmit(now, index, transmit.remote, member, datagram);
        }
    }

    /// A datagram of the application's. If it cannot be sent, the stream says so.
    pub(super) fn send(
        &mut self,
        now: Instant,
        sockets: &mut Sockets,
        component_id: u16,
        datagram: &[u8],
    ) {
        let way = match self.stream.route(component_id) {
            Ok(pair) => match self.binding_at(pair.local) {
                Some(binding) => Ok((binding.index, pair)),
                None if self.stream.send_relayed(now, component_id, pair, datagram) => return,
                None => Err("its socket is gone".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        match way {
            Ok((index, pair)) => {
                let lost = self.loss.as_mut().is_some_and(Loss::drops);
                if let Some(recorder) = &self.recorder {
                    let pair = (pair.local, pair.remote);
                    recorder.sent(component_id, pair, datagram, true, lost);
                }
                if !lost {
                    let member = (self.key(), component_id);
                    sockets.push(index, pair.remote, Some(member), datagram);
                }
            }
            Err(reason) => self.stream.could_not_send(component_id, reason),
        }
    }

    /// The stream has ended: its sockets are free, and its relays.
    pub(super) fn release(self, sockets: &mut Sockets, relays: &mut Relays) {
        relays.close_all_of(self.stream.id());
        for binding in &self.bindings {
            sockets.release(*binding, self.stream.id());
        }
    }
}
