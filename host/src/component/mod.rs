//! One ICE component, without sockets or clock: an ICE agent, a handshake instance, and what lies between.
//!
//! Bytes and time come in as arguments; [`Transmit`]s, [`Event`]s, [`Request`]s and a deadline go out. After
//! every call drain `poll_request`, `poll_transmit` and `poll_event`, then ask `poll_timeout`.
mod driver;
mod gathering;

use crate::ice::{self, Pair, RelayRequest, Transmit};
use crate::plugin::{Completion, InitParameters, Plugin, Request, Role};
use driver::{Driver, Output, Route};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

pub use driver::Phase;

/// What a component is made of.
#[derive(Debug)]
pub struct Config {
    /// The loaded plugin.
    pub plugin: Arc<Plugin>,
    /// What `init` is told.
    pub parameters: InitParameters,
    /// How long a handshake may take, counted from READY.
    pub handshake_timeout: Duration,
    /// The origin of the plugins' clock.
    pub epoch: Instant,
}

/// One component of a stream.
#[derive(Debug)]
pub struct Component {
    config: Config,
    agent: ice::Agent,
    gatherer: ice::Gatherer,
    /// Whether candidates are gathered: time does not run for ICE before.
    gathers: bool,
    driver: Driver,
    /// The instance of the association before this one, saying its last words.
    leaving: Option<Driver>,
    ready: Ready,
    /// The handshake's packets from before READY.
    early: VecDeque<Vec<u8>>,
    handshake_data: Option<Zeroizing<Vec<u8>>>,
    handshake_deadline: Option<Instant>,
    transmits: VecDeque<Transmit>,
    relay_requests: VecDeque<RelayRequest>,
    events: VecDeque<Event>,
    /// Datagrams from addresses ICE has not validated, and those that came after the end.
    refused: u64,
}

/// READY, and whether it was reported.
#[derive(Debug, Default)]
struct Ready {
    since: Option<Instant>,
    reported: bool,
}

/// What a component tells its stream.
#[derive(Debug)]
pub enum Event {
    /// What `init` produced for the peer.
    InitData(Vec<u8>),
    /// A candidate of ours, to be signalled.
    Candidate {
        /// `candidate:…`.
        line: String,
        /// Its address.
        address: SocketAddr,
    },
    /// ICE selected a pair, the first or another.
    SelectedPair(Pair),
    /// The peer is silent; nothing is sent until it is heard again (RFC 7675).
    Disconnected,
    /// The handshake agreed on this.
    HandshakeData(Zeroizing<Vec<u8>>),
    /// Handshake finished and ICE ready: data flows.
    Ready(Zeroizing<Vec<u8>>),
    /// A datagram for the application that had to wait for a call's outcome.
    Application(Vec<u8>),
    /// Something the operator should read.
    Warning(String),
    /// The end, with its reason as a sentence.
    Failed(String),
    /// The orderly end.
    Closed {
        /// By the peer, or by this side.
        by_peer: bool,
    },
}

/// Where an incoming datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was ICE's, and proves its source: what follows from there is this component's.
    Validated,
    /// It was ICE's, the handshake's, or nobody's.
    Consumed,
    /// It is the application's; it still stands in the caller's buffer.
    Application,
}

/// Why a datagram of the application could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The handshake is not finished, or ICE has no pair yet.
    #[error("the component is not ready: wait for component_state_ready")]
    NotReady,
    /// Consent has expired (RFC 7675).
    #[error(
        "the peer is silent and consent has expired; the component recovers or fails by itself"
    )]
    Disconnected,
    /// The component has failed or is closed.
    #[error("the component has ended")]
    Ended,
}

/// Most bytes of handshake packets kept for READY.
const MAX_EARLY: usize = 64 * 1024;

impl Component {
    /// Asks for `init` at once.
    pub fn new(config: Config, agent: ice::Agent, gatherer: ice::Gatherer) -> Self {
        let driver = Driver::start(Arc::clone(&config.plugin), config.parameters.clone());
        Self {
            config,
            agent,
            gatherer,
            gathers: false,
            driver,
            leaving: None,
            ready: Ready::default(),
            early: VecDeque::new(),
            handshake_data: None,
            handshake_deadline: None,
            transmits: VecDeque::new(),
            relay_requests: VecDeque::new(),
            events: VecDeque::new(),
            refused: 0,
        }
    }

    /// The component's id: 1 is RTP, 2 is RTCP.
    pub fn id(&self) -> u16 {
        self.config.parameters.component_id
    }

    /// Its ICE agent, for candidates and credentials.
    pub fn agent(&self) -> &ice::Agent {
        &self.agent
    }

    /// Its ICE agent, to be told of candidates and credentials.
    pub fn agent_mut(&mut self) -> &mut ice::Agent {
        &mut self.agent
    }

    /// Its clients of STUN and TURN servers, to be told of these.
    pub fn gatherer_mut(&mut self) -> &mut ice::Gatherer {
        &mut self.gatherer
    }

    /// Candidates are gathered from now on, and ICE has until its timeout to find a pair.
    pub fn start_ice(&mut self) {
        self.gathers = true;
    }

    /// How far the handshake has come.
    pub fn phase(&self) -> Phase {
        self.driver.phase()
    }

    /// What the handshake agreed on, once it has.
    pub fn handshake_data(&self) -> Option<&Zeroizing<Vec<u8>>> {
        self.handshake_data.as_ref()
    }

    /// Whether *component ready* was reported and the component has not ended.
    pub fn is_ready(&self) -> bool {
        self.ready.reported && self.driver.phase() == Phase::Finished
    }

    /// Datagrams dropped: from addresses ICE has not validated, after the end, or for want of place or taker.
    pub fn dropped(&self) -> u64 {
        self.refused + self.driver.dropped()
    }

    /// The role and init data the application or SDP has given.
    pub fn peer(&self) -> Option<&(Role, Vec<u8>)> {
        self.driver.peer()
    }

    /// The peer's parameters. Other init data than before is another association (RFC 8842): a new instance
    /// with the id `instance_id` takes over, the old one closes.
    pub fn set_peer(&mut self, now: Instant, role: Role, init_data: Vec<u8>, instance_id: u64) {
        match self.driver.peer() {
            _ if self.driver.phase() == Phase::Ended => {}
            Some((_, known)) if *known == init_data => {}
            None => self.driver.set_peer(role, init_data),
            Some(_) => self.reassociate(role, init_data, instance_id),
        }
        self.settle(now);
    }

    fn reassociate(&mut self, role: Role, init_data: Vec<u8>, instance_id: u64) {
        self.config.parameters.instance_id = instance_id;
        let next = Driver::start(
            Arc::clone(&self.config.plugin),
            self.config.parameters.clone(),
        );
        let mut old = std::mem::replace(&mut self.driver, next);
        old.close();
        self.leaving = Some(old);
        self.early.clear();
        self.handshake_data = None;
        self.handshake_deadline = None;
        self.ready.reported = false;
        self.driver.set_peer(role, init_data);
        if self.ready.since.is_some() {
            self.driver.ready();
        }
    }

    /// A datagram that arrived at `local` from `remote`. Anything may stand in it.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Arrival {
        let is_stun = ice::stun_kind(datagram).is_some();
        if self.driver.phase() == Phase::Ended || !is_stun && !self.agent.is_validated(remote) {
            self.refused += u64::from(!is_stun);
            return Arrival::Consumed;
        }
        let arrival = if is_stun && self.gatherer.handle_answer(now, local, remote, datagram) {
            Arrival::Consumed
        } else if is_stun {
            match self.agent.handle_stun(now, local, remote, datagram) {
                true => Arrival::Validated,
                false => Arrival::Consumed,
            }
        } else if self.driver.handle_datagram(datagram) == Route::Application {
            return Arrival::Application;
        } else {
            Arrival::Consumed
        };
        self.settle(now);
        arrival
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.driver.phase() == Phase::Ended {
            return;
        }
        if self.gathers {
            self.gatherer.handle_timeout(now);
            self.agent.handle_timeout(now);
        }
        self.driver.handle_timeout(self.nanos(now));
        if self.handshake_deadline.is_some_and(|at| at <= now) {
            self.time_out();
        }
        self.settle(now);
    }

    fn time_out(&mut self) {
        let id = self.config.plugin.id();
        let seconds = self.config.handshake_timeout.as_secs_f32();
        let cause = match self.driver.phase() {
            Phase::Starting => "its init has not returned",
            Phase::AwaitingPeer => {
                "it never got the peer's parameters: give them with parse_remote_sdp or set_peer_init_data"
            }
            _ => "is the peer running the same handshake?",
        };
        self.fail(format!(
            "plugin {id}: the handshake did not finish within {seconds} s of READY; {cause}"
        ));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.driver.phase() == Phase::Ended {
            return None;
        }
        let plugin = self
            .driver
            .poll_timeout()
            .map(|at| self.config.epoch + Duration::from_nanos(at));
        let ice = self.gathers.then(|| self.agent.poll_timeout()).flatten();
        let servers = self.gatherer.poll_timeout().filter(|_| self.gathers);
        [ice, servers, plugin, self.handshake_deadline]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next call into the plugin. Its completion must come back to
    /// [`handle_completion`](Self::handle_completion).
    pub fn poll_request(&mut self) -> Option<Request> {
        // The old association's last words come before the first ones of the new.
        let leaving = self.leaving.as_mut().and_then(Driver::poll_request);
        leaving.or_else(|| self.driver.poll_request())
    }

    /// What came of a call.
    pub fn handle_completion(&mut self, now: Instant, completion: Completion) {
        if completion.instance_id == self.driver.instance_id() {
            self.driver.handle_completion(completion);
        } else if let Some(old) = &mut self.leaving {
            old.handle_completion(completion);
        }
        self.settle(now);
    }

    /// Whether this is the component's instance, or the one before that is leaving.
    pub fn owns(&self, instance_id: u64) -> bool {
        let is = |driver: &Driver| driver.instance_id() == instance_id;
        is(&self.driver) || self.leaving.as_ref().is_some_and(is)
    }

    /// Ends without a word, for a reason; [`Event::Failed`] follows unless it has ended already.
    pub fn end(&mut self, now: Instant, reason: String) {
        self.fail(reason);
        self.settle(now);
    }

    /// Ends without a word: its stream could not start.
    pub fn abandon(&mut self, now: Instant) {
        self.driver.abandon();
        self.settle(now);
    }

    /// The plugin asked for `on_wake`.
    pub fn wake(&mut self, now: Instant, instance_id: u64) {
        if instance_id == self.driver.instance_id() {
            self.driver.wake();
            self.settle(now);
        }
    }

    /// Lets the plugin close and ends the component; [`Event::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        self.driver.close();
        self.settle(now);
    }

    /// Where the application may send its datagrams now.
    ///
    /// # Errors
    /// Why it may not.
    pub fn route(&self) -> Result<Pair, SendError> {
        match self.driver.phase() {
            Phase::Ended => Err(SendError::Ended),
            _ if !self.is_ready() => Err(SendError::NotReady),
            _ => self.agent.selected_pair().ok_or(SendError::Disconnected),
        }
    }

    /// The next datagram of ICE's or the handshake's to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Carries what agent and driver have said to where it belongs, until both are silent.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.leaving.as_mut().and_then(Driver::poll_output) {
                self.take_last_words(output);
            }
            if let Some(output) = self.driver.poll_output() {
                self.take_output(output);
            } else if let Some(event) = self.agent.poll_event() {
                self.take_ice_event(now, event);
            } else if let Some(found) = self.poll_found() {
                self.take_found(found);
            } else {
                break;
            }
        }
        self.leaving.take_if(|old| old.phase() == Phase::Ended);
        self.watch_the_time(now);
        if self.driver.phase() == Phase::Ended {
            self.early.clear();
            self.handshake_data = None; // keying material lives no longer than what it is for
            self.leave_relays(now);
            return;
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.transmits.push_back(transmit);
        }
        self.exchange(now);
    }

    fn take_output(&mut self, output: Output) {
        match output {
            Output::InitData(data) => self.events.push_back(Event::InitData(data)),
            Output::Packet(packet) => self.send_packet(packet),
            Output::Warning(warning) => self.events.push_back(Event::Warning(warning)),
            Output::Application(datagram) => self.events.push_back(Event::Application(datagram)),
            Output::Finished(data) => {
                // A handshake that finished in `init` agreed on nothing.
                if self.agreed_on_something() {
                    self.events.push_back(Event::HandshakeData(data.clone()));
                }
                self.handshake_data = Some(data);
                self.report_ready();
            }
            Output::Failed(failure) => self.events.push_back(Event::Failed(failure.to_string())),
            Output::Closed { by_peer } => self.events.push_back(Event::Closed { by_peer }),
        }
    }

    fn agreed_on_something(&self) -> bool {
        self.driver.has_instance()
    }

    fn take_last_words(&mut self, output: Output) {
        match output {
            Output::Packet(packet) => self.send_packet(packet),
            Output::Warning(warning) => self.events.push_back(Event::Warning(warning)),
            Output::Failed(failure) => self.events.push_back(Event::Warning(failure.to_string())),
            Output::InitData(_)
            | Output::Application(_)
            | Output::Finished(_)
            | Output::Closed { .. } => {}
        }
    }

    fn take_ice_event(&mut self, now: Instant, event: ice::Event) {
        match event {
            ice::Event::Selected(pair) => {
                self.gatherer.set_selected(now, Some(pair));
                self.events.push_back(Event::SelectedPair(pair));
                if self.ready.since.is_none() {
                    self.become_ready(now);
                }
            }
            ice::Event::Disconnected => {
                self.gatherer.set_selected(now, None);
                self.events.push_back(Event::Disconnected);
            }
            ice::Event::Failed(reason) => self.fail(self.with_troubles(reason)),
            ice::Event::Validated(_) => {}
        }
    }

    fn become_ready(&mut self, now: Instant) {
        self.ready.since = Some(now);
        for packet in std::mem::take(&mut self.early) {
            self.send_packet(packet);
        }
        self.driver.ready();
        self.report_ready();
    }

    /// A handshake in progress has until a while after READY, or after it began if that came later.
    fn watch_the_time(&mut self, now: Instant) {
        if !self.in_progress() {
            self.handshake_deadline = None;
        } else if self.ready.since.is_some() && self.handshake_deadline.is_none() {
            self.handshake_deadline = Some(now + self.config.handshake_timeout);
        }
    }

    fn in_progress(&self) -> bool {
        matches!(
            self.driver.phase(),
            Phase::Starting | Phase::AwaitingPeer | Phase::InProgress
        )
    }

    fn report_ready(&mut self) {
        let finished = self.driver.phase() == Phase::Finished;
        if let (true, false, Some(_), Some(data)) = (
            finished,
            self.ready.reported,
            self.ready.since,
            &self.handshake_data,
        ) {
            self.ready.reported = true;
            self.events.push_back(Event::Ready(data.clone()));
        }
    }

    /// To the peer if there is a way; before READY it waits for one, in bounds.
    fn send_packet(&mut self, packet: Vec<u8>) {
        if let Some(pair) = self.agent.selected_pair() {
            self.transmits.push_back(Transmit {
                local: pair.local,
                remote: pair.remote,
                contents: packet,
            });
        } else if self.ready.since.is_none() {
            self.early.push_back(packet);
            while self.early.iter().map(Vec::len).sum::<usize>() > MAX_EARLY {
                self.early.pop_front();
            }
        }
        // Without consent nothing leaves: the handshake's own retransmission repeats it.
    }

    fn fail(&mut self, reason: String) {
        if self.driver.phase() != Phase::Ended {
            self.driver.abandon();
            self.events.push_back(Event::Failed(reason));
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.config.epoch).as_nanos())
            .unwrap_or(u64::MAX)
    }
}
