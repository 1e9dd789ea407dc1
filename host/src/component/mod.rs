//! One ICE component, without sockets or clock: an ICE agent, a handshake instance, and what lies between.
//!
//! Bytes and time come in as arguments; [`Transmit`]s, [`Event`]s, [`Request`]s and a deadline go out. After
//! every call drain `poll_request`, `poll_transmit` and `poll_event`, then ask `poll_timeout`.
mod association;
mod driver;
mod event;
mod gathering;
mod settle;

use crate::ice::{self, Pair, RelayRequest, Transmit, Transport};
use crate::plugin::{Completion, InitParameters, Plugin, Request, Role, nanos_since};
use driver::{Driver, Route};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

pub use driver::Phase;
pub use event::{Arrival, Event, SendError};

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

    /// Whether it has ended or is about to.
    pub fn is_leaving(&self) -> bool {
        self.driver.is_leaving()
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

    /// A datagram that arrived at the local address of `pair` from its remote one. Anything may stand in it; an
    /// empty one is nobody's (RFC 7983 tells by the first byte, and RFC 4571 has none to carry over TCP).
    pub fn handle_datagram(&mut self, now: Instant, pair: Pair, datagram: &[u8]) -> Arrival {
        if datagram.is_empty() {
            return Arrival::Consumed;
        }
        let is_stun = ice::stun_kind(datagram).is_some();
        let Pair {
            transport,
            local,
            remote,
        } = pair;
        let is_validated = self.agent.is_validated(transport, remote);
        if self.driver.phase() == Phase::Ended || !is_stun && !is_validated {
            self.refused += u64::from(!is_stun);
            return Arrival::Consumed;
        }
        let may_be_answer = is_stun && transport == Transport::Udp;
        let arrival = if may_be_answer && self.gatherer.handle_answer(now, local, remote, datagram)
        {
            Arrival::Consumed
        } else if is_stun {
            match self.agent.handle_stun(now, pair, datagram) {
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

    fn nanos(&self, now: Instant) -> u64 {
        nanos_since(self.config.epoch, now)
    }
}
