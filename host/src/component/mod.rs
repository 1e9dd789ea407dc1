//! One ICE component, without sockets or clock: an ICE agent, a handshake instance, and what lies between.
//!
//! Bytes and time come in as arguments; [`Transmit`]s, [`Event`]s, [`Request`]s and a deadline go out. Requests are
//! calls into the plugin, of which a component knows the [`PluginInfo`] alone: where its instances live is the business of
//! whoever carries requests out, and brings back a [`Completion`] of each, at once or later.
//!
//! After whatever goes in drain `poll_request`, `poll_transmit` and `poll_event`, then ask `poll_timeout`.
mod arrival;
mod association;
mod came;
mod driver;
mod drop_counter;
mod drops;
mod event;
mod export;
mod failure;
mod gathering;
mod settle;
mod strangers;
mod waiting;

use crate::ice::{self, Pair, RelayRequest, Transmit};
use crate::plugin::{Completion, InitParameters, PluginInfo, Request, Role, nanos_since};
use crate::queue::take_front;
use association::Association;
use came::Came;
use driver::{Driver, Patience};
use drops::Drops;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strangers::Strangers;
use zeroize::Zeroizing;

pub use association::Said;
pub use driver::Phase;
pub use drop_counter::{DropCounter, Dropped};
pub use drops::Cause;
pub use event::{Arrival, Event, SendError};
pub use failure::Failure;

/// What a component is made of.
#[derive(Debug)]
pub struct Config {
    /// The plugin.
    pub plugin: Arc<PluginInfo>,
    /// What `init` is told.
    pub parameters: InitParameters,
    /// How long `init` may take, counted from its request.
    pub init_timeout: Duration,
    /// How long any other call may take, likewise.
    pub call_timeout: Duration,
    /// How long a handshake may take, counted from READY.
    pub handshake_timeout: Duration,
    /// The origin of the plugins' clock.
    pub epoch: Instant,
    /// What is dropped of all components is counted here.
    pub drop_counter: Arc<DropCounter>,
}

/// One component of a stream.
pub struct Component {
    config: Config,
    agent: ice::Agent,
    gatherer: ice::Gatherer,
    /// Whether candidates are gathered: time does not run for ICE before.
    gathers: bool,
    driver: Driver,
    association: Association,
    /// The instances of earlier associations, saying their last words.
    leaving: VecDeque<Driver>,
    ready: Ready,
    /// The handshake's packets from before READY.
    early: VecDeque<Vec<u8>>,
    handshake_data: Option<Zeroizing<Vec<u8>>>,
    handshake_deadline: Option<Instant>,
    transmits: VecDeque<Transmit>,
    relay_requests: VecDeque<RelayRequest>,
    events: VecDeque<Event>,
    strangers: Strangers,
    /// How many datagrams have come that were not ICE's, from where the peer is or may be.
    arrived: u64,
    /// What they were.
    came: Came,
    drops: Drops,
    /// Data has come after a silence, so that the timeout may be earlier.
    data_began: bool,
}

/// Without what was agreed on.
impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("agent", &self.agent)
            .field("gatherer", &self.gatherer)
            .field("driver", &self.driver)
            .field("association", &self.association)
            .field("leaving", &self.leaving)
            .field("ready", &self.ready)
            .field("early", &self.early)
            .field("transmits", &self.transmits)
            .field("relay_requests", &self.relay_requests)
            .field("events", &self.events)
            .field("strangers", &self.strangers)
            .field("drops", &self.drops)
            .finish_non_exhaustive()
    }
}

/// READY, and whether it was reported.
#[derive(Debug, Default)]
struct Ready {
    since: Option<Instant>,
    reported: bool,
}

impl Config {
    /// An instance of what it says.
    fn start_driver(&self) -> Driver {
        let patience = Patience {
            init: self.init_timeout,
            others: self.call_timeout,
        };
        Driver::start(Arc::clone(&self.plugin), self.parameters.clone(), patience)
    }
}

impl Component {
    /// Asks for `init` at once.
    pub fn new(config: Config, agent: ice::Agent, gatherer: ice::Gatherer) -> Self {
        let driver = config.start_driver();
        let drops = Drops::new(Arc::clone(&config.drop_counter));
        Self {
            config,
            agent,
            gatherer,
            gathers: false,
            driver,
            association: Association::default(),
            leaving: VecDeque::new(),
            ready: Ready::default(),
            early: VecDeque::new(),
            handshake_data: None,
            handshake_deadline: None,
            transmits: VecDeque::new(),
            relay_requests: VecDeque::new(),
            events: VecDeque::new(),
            strangers: Strangers::default(),
            arrived: 0,
            came: Came::default(),
            drops,
            data_began: false,
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

    /// Whether ICE has found a pair.
    pub fn has_pair(&self) -> bool {
        self.ready.since.is_some()
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

    /// Datagrams dropped, for whichever [`Cause`].
    pub fn dropped(&self) -> u64 {
        self.drops.total()
    }

    /// The role and init data the application or SDP has given.
    pub fn peer(&self) -> Option<&(Role, Vec<u8>)> {
        self.driver.peer()
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
        self.watch_calls(now);
        self.watch_association(now);
        if self.handshake_deadline.is_some_and(|at| at <= now) {
            self.time_out();
        }
        if let Some(sentences) = self.drops.tell(now) {
            self.warn_of_drops(&sentences);
        }
        self.settle(now);
    }

    /// A call that does not come back in time is waited for no longer.
    fn watch_calls(&mut self, now: Instant) {
        for old in &mut self.leaving {
            if let Some(overdue) = old.overdue(now) {
                old.abandon();
                self.events.push_back(Event::Warning(overdue.to_string()));
            }
        }
        match self.driver.overdue(now) {
            Some(overdue) if self.driver.is_leaving() => {
                self.events.push_back(Event::Warning(overdue.to_string()));
                self.driver.cut_short();
            }
            Some(overdue) => self.fail(overdue),
            None => {}
        }
    }

    fn time_out(&mut self) {
        let takes_role = self.config.plugin.wants_peer;
        let role = self.peer().filter(|_| takes_role).map(|(role, _)| *role);
        self.fail(Failure::HandshakeTimeout {
            plugin: self.config.plugin.id.clone(),
            timeout: self.config.handshake_timeout,
            role,
            why: self.why_unfinished(role),
        });
    }

    /// What is known of why the handshake has not finished; else what a person should look at.
    fn why_unfinished(&self, role: Option<Role>) -> String {
        let missing = match self.driver.phase() {
            Phase::Starting => Some("its init has not returned"),
            Phase::AwaitingPeer => Some(
                "it never got the peer's init data: give it with parse_remote_sdp or set_peer_init_data",
            ),
            _ => None,
        };
        let warned = self.plugin_warning();
        let causes = [missing.map(str::to_owned), warned, self.drops.sentences()];
        let causes: Vec<_> = causes.into_iter().flatten().collect();
        if !causes.is_empty() {
            return causes.join("; ");
        }
        let peer = match role.map(Role::other) {
            Some(other) => format!("the peer must be {other}, with the same plugin"),
            None => "the peer must run the same plugin".to_owned(),
        };
        format!("{}; {peer}", self.came)
    }

    /// What the plugin warned of in this handshake: it may be the peer's word on why it went silent.
    pub(super) fn plugin_warning(&self) -> Option<String> {
        let warning = self.driver.warning()?;
        Some(format!("it warned: {warning}"))
    }

    fn warn_of_drops(&mut self, sentences: &str) {
        let (component, plugin) = (self.id(), &self.config.plugin.id);
        let warning = format!("component {component}, plugin {plugin}: {sentences}");
        self.events.push_back(Event::Warning(warning));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.data_began = false;
        if self.driver.phase() == Phase::Ended {
            return None;
        }
        let plugin = self
            .driver
            .poll_timeout()
            .map(|at| self.config.epoch + Duration::from_nanos(at));
        let ice = self.gathers.then(|| self.agent.poll_timeout()).flatten();
        let servers = self.gatherer.poll_timeout().filter(|_| self.gathers);
        [
            ice,
            servers,
            plugin,
            self.association.timeout(),
            self.overdue_at(),
            self.handshake_deadline,
            self.drops.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When a call that is under way is overdue.
    fn overdue_at(&self) -> Option<Instant> {
        let leaving = self.leaving.iter().filter_map(Driver::overdue_at);
        leaving.chain(self.driver.overdue_at()).min()
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) is to be asked, though nothing else has happened than that a
    /// datagram came for the application.
    pub fn is_due_earlier(&self) -> bool {
        self.data_began
    }

    /// The next call into the plugin. Its completion must come back to
    /// [`handle_completion`](Self::handle_completion).
    pub fn poll_request(&mut self, now: Instant) -> Option<Request> {
        // The old association's last words come before the first ones of the new.
        let leaving = self
            .leaving
            .iter_mut()
            .find_map(|old| old.poll_request(now));
        leaving.or_else(|| self.driver.poll_request(now))
    }

    /// What came of a call.
    pub fn handle_completion(&mut self, now: Instant, completion: Completion) {
        let is_it = |driver: &&mut Driver| driver.instance_id() == completion.instance_id;
        let driver = self.leaving.iter_mut().find(is_it);
        let driver = driver.or_else(|| Some(&mut self.driver).filter(is_it));
        if let Some(driver) = driver {
            driver.handle_completion(completion);
        }
        self.settle(now);
    }

    /// Whether this is the component's instance, or one of those before that are leaving.
    pub fn owns(&self, instance_id: u64) -> bool {
        let is = |driver: &Driver| driver.instance_id() == instance_id;
        is(&self.driver) || self.leaving.iter().any(is)
    }

    /// Ends without a word, for a reason; [`Event::Failed`] follows unless it has ended already.
    pub fn end(&mut self, now: Instant, failure: Failure) {
        self.fail(failure);
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

    /// Where a datagram of the application's may be sent now.
    ///
    /// # Errors
    /// Why it may not.
    pub fn route(&self, datagram: &[u8]) -> Result<Pair, SendError> {
        match (self.driver.phase(), datagram.first()) {
            (Phase::Ended, _) => Err(SendError::Ended),
            _ if !self.is_ready() => Err(SendError::NotReady),
            (_, None) => Err(SendError::Empty),
            _ if ice::stun_kind(datagram).is_some() => Err(SendError::Stun),
            (_, Some(&first)) if self.driver.claims(datagram) => Err(SendError::Handshake(first)),
            _ => self.agent.selected_pair().ok_or(SendError::Disconnected),
        }
    }

    /// The next datagram of ICE's or the handshake's to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        take_front(&mut self.transmits)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        take_front(&mut self.events)
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos_since(self.config.epoch, now)
    }
}
