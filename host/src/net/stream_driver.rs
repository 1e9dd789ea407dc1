//! A stream on its event loop: what it wants is carried out here.
mod bind;
mod moving;
mod relay;
mod send;

use super::addresses::bind::{BindError, BindOptions};
use super::addresses::left_out::LeftOut;
use super::application::ReplyQueue;
use super::backend::{Backend, Desk, InProcessBackend};
use super::dirty::Dirty;
use super::guarded::Guarded;
use super::helpers::Helpers;
use super::inbox::{Inbox, Item};
use super::instances::Instances;
use super::keys::{Binding, ReceivePath, StreamKey};
use super::loss::Loss;
use super::mailbox::Mailbox;
use super::mdns::{Registration, Responder};
use super::new_stream::NewStream;
use super::relay::Relays;
use super::shared_stun::StunClient;
use super::tcp::Connections;
use super::udp::sockets::Sockets;
use super::watch::{At, Pulse};
use crate::component::{Arrival, Failure};
use crate::counted;
use crate::ice::{Datagram, StunServer};
use crate::plugin::{Call, Request};
use crate::stream::{Event, Message, Notification, Refused, Stream};
use crate::trace::{CallRecorder, Recorder, RelayRecorder};
use moving::Residence;
use rustls::ClientConfig;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// A stream and what it has on its loop.
pub(crate) struct StreamDriver {
    pub(super) stream: Stream,
    pub(super) application: Guarded,
    /// What has become of messages, to be told behind what they have caused.
    answers: VecDeque<(Option<u64>, Result<(), Refused>)>,
    backend: Box<dyn Backend>,
    bind_options: BindOptions,
    /// STUN servers that its shared sockets ask.
    stun: Vec<StunServer>,
    loss: Option<Loss>,
    trust: Option<Arc<ClientConfig>>,
    recorder: Option<Recorder>,
    relay_recorder: Option<RelayRecorder>,
    bindings: Vec<Binding>,
    /// Of TCP listeners.
    listeners: Vec<Binding>,
    /// Addresses that could not be bound, if it shares no ports.
    left_out: LeftOut,
    /// Addresses that the peer knows by a name, which is answered for; or not, where that does not work.
    hidden: Vec<(IpAddr, Option<Registration>)>,
    /// The latest instance of each component.
    instances: BTreeMap<u16, u64>,
    /// Whether sockets have been bound: what fails to be bound later ends nothing.
    has_gathered: bool,
    residence: Residence,
    /// Its entry among the timers. Whatever changes the stream is followed by its being driven, and that moves the entry.
    pub(super) armed: Option<Instant>,
    /// Whether it is in the loop's list of streams to drive.
    pub(super) dirty: bool,
}

/// What a stream needs of its loop to be carried out.
pub(super) struct LoopContext<'a> {
    pub(super) now: Instant,
    /// `now` on the plugins' clock.
    pub(super) nanos: u64,
    pub(super) sockets: &'a mut Sockets,
    pub(super) relays: &'a mut Relays,
    pub(super) connections: &'a mut Connections,
    pub(super) helpers: &'a mut Helpers,
    pub(super) responder: &'a Responder,
    pub(super) stun: &'a mut StunClient,
    pub(super) mailbox: &'a Arc<Mailbox>,
    pub(super) instances: &'a Instances,
    pub(super) replies: &'a mut ReplyQueue,
    pub(super) pulse: &'a Pulse,
}

impl LoopContext<'_> {
    fn desk(&mut self, stream: &Stream) -> Desk<'_> {
        Desk {
            stream: stream.id(),
            now: self.now,
            nanos: self.nanos,
            init_timeout: stream.init_timeout(),
            helpers: self.helpers,
            pulse: self.pulse,
        }
    }
}

impl StreamDriver {
    pub(super) fn new(new: NewStream) -> Self {
        Self {
            stream: new.stream,
            application: new.application,
            answers: VecDeque::new(),
            backend: Box::new(InProcessBackend::new(new.plugin)),
            bind_options: new.bind_options,
            stun: new.stun,
            loss: new.loss,
            trust: new.trust,
            relay_recorder: new.recorder.clone().map(RelayRecorder::new),
            recorder: new.recorder,
            bindings: Vec::new(),
            listeners: Vec::new(),
            left_out: LeftOut::default(),
            hidden: Vec::new(),
            instances: BTreeMap::new(),
            has_gathered: false,
            residence: Residence::default(),
            armed: None,
            dirty: false,
        }
    }

    /// Puts the stream in the list of streams to drive, once.
    pub(super) fn mark_dirty(&mut self, dirty: &mut Dirty) {
        if !std::mem::replace(&mut self.dirty, true) {
            dirty.push(self.key(), self.stream.is_ready());
        }
    }

    fn key(&self) -> StreamKey {
        self.stream.id()
    }

    /// Hands in a datagram that has come; returns whose it was.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        path: ReceivePath,
        datagram: Datagram<'_>,
        dirty: &mut Dirty,
        replies: &mut ReplyQueue,
    ) -> Arrival {
        let (_, component_id) = path.component;
        let stream = &mut self.stream;
        let arrival = stream.handle_datagram(now, component_id, path.pair, datagram);
        let datagram = datagram.bytes();
        if let Some(recorder) = &self.recorder {
            recorder.received(component_id, path.as_it_is(), datagram, arrival);
        }
        if let Arrival::Dropped(cause) = arrival {
            let (bytes, from) = (datagram.len(), path.as_it_is());
            tracing::debug!(
                "component {component_id}, {from}: {bytes} bytes dropped, {}",
                cause.words()
            );
        }
        if arrival == Arrival::Application {
            self.application.receive(replies, component_id, datagram);
        }
        if arrival != Arrival::Application
            || self.stream.has_news(component_id)
            || self.application.is_to_fail()
        {
            self.mark_dirty(dirty);
        }
        arrival
    }

    /// Notes a datagram that has come for nobody, if not for this component.
    pub(super) fn note_stray(&mut self, path: ReceivePath, datagram: Datagram<'_>) {
        let (_, component_id) = path.component;
        if let Some(recorder) = &self.recorder {
            recorder.strayed(component_id, path.as_it_is(), datagram.bytes());
        }
        self.stream
            .note_stray(component_id, path.pair.remote, datagram);
    }

    /// Carries out what the stream wants, until it wants nothing more.
    pub(super) fn drive(&mut self, context: &mut LoopContext<'_>) {
        loop {
            if let Some(message) = self.application.take_panic() {
                self.fail(context.now, message);
            }
            while let Some(request) = self.stream.poll_request(context.now) {
                self.note_instance(context, &request);
                let recorder = self.call_recorder(&request);
                let mut desk = context.desk(&self.stream);
                self.backend.submit(&mut desk, request, recorder);
                self.take_completions(context.now);
            }
            if let Some(component_ids) = self.stream.poll_gather() {
                match self.gather(context, &component_ids) {
                    Ok(()) => self.has_gathered = true,
                    Err(error @ BindError::NoAddress { .. })
                        if self.bind_options.may_find_better(&[]) =>
                    {
                        self.stream
                            .wait_for_address(context.now, &error.to_string());
                    }
                    Err(error) if self.has_gathered => self.stream.warn(format!(
                        "nothing was gathered again: {error}; what was bound before stays in use"
                    )),
                    Err(error) => {
                        let message = error.to_string();
                        let failure = Failure::Bind { message };
                        self.stream.fail(context.now, &failure);
                    }
                }
                if self.has_gathered {
                    self.stream.gathering_done();
                }
            }
            while let Some(lookup) = self.stream.poll_lookup() {
                self.residence.lookups += 1;
                context.helpers.look_up(context.now, lookup, self.key());
            }
            while let Some(request) = self.stream.poll_relay() {
                self.handle_relay_request(context, request);
            }
            while let Some(transmit) = self.stream.poll_transmit() {
                self.transmit(context, &transmit);
            }
            while let Some((component_id, transport, remote)) = self.stream.poll_unverified() {
                if !self.stream.is_verified(component_id, transport, remote) {
                    self.leave_address(context.sockets, component_id, remote);
                }
            }
            while let Some((component_id, number, cause)) = self.stream.poll_dropped() {
                tracing::debug!(
                    "component {component_id}: a datagram dropped, {}",
                    cause.words()
                );
                if let Some(recorder) = &self.recorder {
                    recorder.dropped(component_id, number, cause);
                }
            }
            match self.stream.poll_event() {
                Some(Event::Notification(notification)) => self.tell(context, notification),
                // It had to wait for what was told before it.
                Some(Event::Payload {
                    component_id,
                    payload,
                }) => {
                    context.pulse.at(At::Application);
                    let application = &mut self.application;
                    application.receive(context.replies, component_id, &payload);
                    context.pulse.at(At::Streams);
                }
                // What became of a message is told behind what it has caused.
                None if self.answer_next(context) || self.application.is_to_fail() => {}
                None => return,
            }
        }
    }

    /// Tells the application, and carries out here what it is told of.
    fn tell(&mut self, context: &mut LoopContext<'_>, mut notification: Notification) {
        match &mut notification {
            Notification::LocalCredentials { .. } => self.learn_ufrags(context),
            Notification::NewSelectedPair { component_id, pair } => {
                let component = (self.key(), *component_id);
                *pair = context.connections.as_it_is(component, *pair);
            }
            Notification::ComponentClosed { component_id, .. }
            | Notification::ComponentStateFailed { component_id, .. } => {
                let component_id = *component_id;
                self.release_component(component_id, context.sockets, context.connections);
            }
            Notification::Stopped => self.close_inbox(context),
            _ => {}
        }
        self.notify(context, notification);
    }

    fn notify(&mut self, context: &mut LoopContext<'_>, notification: Notification) {
        if let Some(recorder) = &self.recorder {
            recorder.notified(&notification);
        }
        context.pulse.at(At::Application);
        self.application.notify(context.replies, notification);
        context.pulse.at(At::Streams);
    }

    /// Tells what has become of the next message; returns whether there was one.
    fn answer_next(&mut self, context: &mut LoopContext<'_>) -> bool {
        let Some((number, answer)) = self.answers.pop_front() else {
            return false;
        };
        context.pulse.at(At::Application);
        self.application.answer(context.replies, number, answer);
        context.pulse.at(At::Streams);
        true
    }

    /// The stream as its application has it.
    pub(super) fn inbox(&self) -> &Inbox {
        self.application.stream().inbox()
    }

    /// Notes what has become of a message.
    pub(super) fn note_answer(&mut self, number: Option<u64>, answer: Result<(), Refused>) {
        if number.is_some() || answer.is_err() {
            self.answers.push_back((number, answer));
        }
    }

    /// The application has panicked: its stream fails, and ends.
    fn fail(&mut self, now: Instant, message: String) {
        self.stream.fail(now, &Failure::Application { message });
        let stopped = self.stream.handle_message(now, Message::Stop);
        stopped.expect("a stream can always be stopped");
    }

    /// Nothing is taken from the application any more, and it is told what became of what waits.
    fn close_inbox(&mut self, context: &mut LoopContext<'_>) {
        let mut unsent: BTreeMap<u16, usize> = BTreeMap::new();
        for item in self.inbox().close() {
            match item {
                Item::Message(number, _) => self.note_answer(number, Err(Refused::StreamEnded)),
                Item::Datagram(component_id, _) => *unsent.entry(component_id).or_default() += 1,
                Item::Flush(_) => {}
            }
        }
        for (component_id, count) in unsent {
            let count = counted(count, "datagram");
            let reason = format!("the stream has ended before {count} could be sent");
            let notification = Notification::CouldNotSendPayload {
                component_id,
                reason,
            };
            self.notify(context, notification);
        }
        while self.answer_next(context) {}
    }

    /// Hands in what has come of calls.
    pub(super) fn take_completions(&mut self, now: Instant) {
        while let Some(completion) = self.backend.poll() {
            self.stream.handle_completion(now, completion);
        }
    }

    /// A new instance can be woken from before its `init` on, and the component's last one not any more.
    fn note_instance(&mut self, context: &mut LoopContext<'_>, request: &Request) {
        if let Call::Init(parameters) = &request.call {
            let id = parameters.instance_id;
            context.instances.insert(id, context.mailbox, self.key());
            if let Some(last) = self.instances.insert(parameters.component_id, id) {
                context.instances.remove(last);
                self.backend.abandon(&mut context.desk(&self.stream), last);
            }
        }
    }

    /// What comes from `remote` is not the component's any more. Connections end by themselves.
    fn leave_address(&self, sockets: &mut Sockets, component_id: u16, remote: SocketAddr) {
        let its = |binding: &&Binding| binding.component_id == component_id;
        for binding in self.bindings.iter().filter(its) {
            sockets.remove_address(*binding, self.key(), remote);
        }
    }

    fn call_recorder(&self, request: &Request) -> Option<CallRecorder> {
        let recorder = self.recorder.clone()?;
        let component_id = self.stream.component_of(request.instance_id)?;
        Some(CallRecorder {
            recorder,
            component_id,
        })
    }

    /// Ends the stream though calls of its are away: what comes of them is destroyed.
    pub(super) fn cut_short(&mut self, context: &mut LoopContext<'_>) {
        self.tell(context, Notification::Stopped);
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
        connections.close_all_of((self.key(), component_id));
        let its = |binding: &Binding| binding.component_id == component_id;
        self.release_bindings(its, sockets, connections);
    }

    fn release_bindings(
        &mut self,
        are_free: impl Fn(&Binding) -> bool,
        sockets: &mut Sockets,
        connections: &mut Connections,
    ) {
        let key = self.key();
        for binding in self.listeners.extract_if(.., |it| are_free(it)) {
            connections.release(binding, key);
        }
        sockets.flush(); // last words
        for binding in self.bindings.extract_if(.., |it| are_free(it)) {
            sockets.release(binding, key);
        }
    }
}

impl fmt::Debug for StreamDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamDriver")
            .field("stream", &self.key())
            .finish_non_exhaustive()
    }
}
