//! One ICE stream, without sockets or clock: components 1..n, their common credentials, SDP, notifications.
mod component_state;
mod debug;
mod description;
mod early;
mod events;
mod export;
mod gathering;
mod generations;
mod messages;
mod names;
mod notification;
mod refused;
mod settings;

use crate::component::{self, Arrival, Cause, DropCounter, Failure, SendError};
use crate::ice::{self, Credentials, Datagram, Hiding, Pair, Tcp, Transmit, Transport};
use crate::plugin::{Completion, PluginInfo, Request};
use crate::queue::take_front;
use crate::sdp::InitDataFormat;
use component_state::ComponentState;
use description::Negotiation;
use early::Early;
use gathering::Gathering;
use generations::Generations;
use names::Names;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use export::{EXPORT_CONTEXT, EXPORT_LABEL, EXPORT_LENGTH};
pub use gathering::Lookup;
pub use notification::{Event, Message, Notification};
pub use refused::Refused;
use settings::check_timeout;
pub use settings::{MAX_COMPONENTS, MTU, Settings, SettingsError, TIMEOUT};

/// What a stream is made of.
#[derive(Clone)]
pub struct Config {
    /// The plugin.
    pub plugin: Arc<PluginInfo>,
    /// Validated options.
    pub options: Arc<[(String, String)]>,
    /// What it is asked to be.
    pub settings: Settings,
    /// Which ends of TCP connections it is (RFC 6544).
    pub tcp: Tcp,
    /// How long any call but `init` may take, from its request, in [`TIMEOUT`]: they are to return at once.
    pub call_timeout: Duration,
    /// The origin of the plugins' clock, the same for all streams.
    pub epoch: Instant,
    /// What is dropped of all streams is counted here.
    pub drop_counter: Arc<DropCounter>,
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    id: u64,
    config: Config,
    format: InitDataFormat,
    generations: Generations,
    hiding: Option<Arc<Hiding>>,
    early: Early,
    negotiation: Negotiation,
    components: Vec<ComponentState>,
    stage: Stage,
    names: Names,
    gathering: Gathering,
    /// Whether there is nothing to start or gather for any more.
    closing: bool,
    stopping: bool,
    /// Whether a description is asked for that waits for every `init`.
    describes: bool,
    events: VecDeque<Event>,
    dropped: VecDeque<(u16, Option<u64>, Cause)>,
    unverified: VecDeque<(u16, Transport, SocketAddr)>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The components' `init` run, in order.
    Starting,
    /// Local addresses are looked for.
    Gathering,
    /// All of them are known.
    Gathered,
    /// The stream has failed or was stopped.
    Ended,
}

/// How long a call that is to return at once may take before it is given up.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// An id that no other stream or instance of this process has or will have: all hosts of a process share the image of a
/// plugin, which may keep what it needs by these ids.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Stream {
    /// Prepares a stream: asks for `init` of its first component at once. `now` is any time not after those
    /// that follow.
    ///
    /// # Errors
    /// The plugin declares a type of init data that this host cannot carry, or a setting is out of its bounds.
    pub fn new(now: Instant, config: Config) -> Result<Self, SettingsError> {
        let settings = &config.settings;
        settings.check(config.tcp)?;
        check_timeout("call", config.call_timeout)?;
        let declared = config.plugin.init_data_type.as_deref();
        let format = InitDataFormat::parse(declared).map_err(|error| SettingsError::InitData {
            plugin: config.plugin.id.clone(),
            error,
        })?;
        let (id, credentials) = (fresh_id(), Credentials::generate());
        let tie_breaker = ice::tie_breaker();
        let hiding = settings
            .hide_addresses
            .then(|| Arc::new(Hiding::generate()));
        let components = (1..=settings.n_components)
            .map(|component_id| {
                let mut ice = ice::Config::new(component_id, settings.controlling, tie_breaker);
                ice.hiding.clone_from(&hiding);
                ComponentState::new(now, &config, id, ice, &credentials)
            })
            .collect();
        Ok(Self {
            id,
            format,
            generations: Generations::new(credentials),
            hiding,
            early: Early::default(),
            negotiation: Negotiation::new(),
            components,
            stage: Stage::Starting,
            gathering: Gathering::default(),
            names: Names::default(),
            closing: false,
            stopping: false,
            describes: false,
            events: VecDeque::new(),
            dropped: VecDeque::new(),
            unverified: VecDeque::new(),
            config,
        })
    }

    /// Unique in this process, never reused.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Who shakes hands.
    pub fn plugin(&self) -> &PluginInfo {
        &self.config.plugin
    }

    /// How long `init` may take.
    pub fn init_timeout(&self) -> Duration {
        self.config.settings.init_timeout
    }

    /// Its components' ids.
    pub fn component_ids(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.config.settings.n_components
    }

    /// A datagram that arrived for a component. Anything may stand in it.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        component_id: u16,
        pair: Pair,
        datagram: Datagram<'_>,
    ) -> Arrival {
        let Ok(state) = self.component_mut(component_id) else {
            return Arrival::Consumed;
        };
        match state.component.handle_datagram(now, pair, datagram) {
            Arrival::Application if !state.listened => {
                self.say_unheard(now, component_id);
                Arrival::Consumed
            }
            Arrival::Application if self.events.is_empty() => Arrival::Application,
            Arrival::Application => {
                self.events.push_back(Event::Payload {
                    component_id,
                    payload: datagram.bytes().to_vec(),
                });
                Arrival::Told
            }
            arrival => {
                self.settle(now);
                arrival
            }
        }
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        for state in &mut self.components {
            if state.component.poll_timeout().is_some_and(|at| at <= now) {
                state.component.handle_timeout(now);
            }
        }
        self.look(now);
        self.settle(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let servers = self.gathering_timeout();
        let components = self.components.iter_mut();
        components
            .filter_map(|state| state.component.poll_timeout())
            .chain(servers)
            .min()
    }

    /// The ufrags by which requests for a component are known; after a restart the older one too.
    pub fn local_ufrags(&self, component_id: u16) -> impl Iterator<Item = &str> {
        let state = self
            .components
            .get(usize::from(component_id).wrapping_sub(1));
        state
            .into_iter()
            .flat_map(|state| state.component.agent().local_ufrags())
    }

    /// Whether an instance is one of this stream's.
    pub fn owns(&self, instance_id: u64) -> bool {
        self.component_of(instance_id).is_some()
    }

    /// The component that an instance serves, if it is one of this stream's.
    pub fn component_of(&self, instance_id: u64) -> Option<u16> {
        let mut components = self.components.iter();
        let owner = components.find(|state| state.component.owns(instance_id))?;
        Some(owner.component.id())
    }

    /// Ends every component, such as where there is no way for its datagrams.
    pub fn fail(&mut self, now: Instant, failure: &Failure) {
        for state in &mut self.components {
            state.component.end(now, failure.clone());
        }
        self.settle(now);
    }

    /// The next call into a plugin. Its completion must come back to
    /// [`handle_completion`](Self::handle_completion).
    pub fn poll_request(&mut self, now: Instant) -> Option<Request> {
        for state in &mut self.components {
            if let Some(request) = state.component.poll_request(now) {
                return Some(request);
            }
            let is_starting = state.component.phase() == component::Phase::Starting;
            if is_starting && self.stage == Stage::Starting {
                return None; // `init` runs for components 1..n in order
            }
        }
        None
    }

    /// What came of a call.
    pub fn handle_completion(&mut self, now: Instant, completion: Completion) {
        let owner = |state: &&mut ComponentState| state.component.owns(completion.instance_id);
        if let Some(state) = self.components.iter_mut().find(owner) {
            state.component.handle_completion(now, completion);
        }
        self.settle(now);
    }

    /// A plugin asked for `on_wake` of one of its instances.
    pub fn wake(&mut self, now: Instant, instance_id: u64) {
        if let Some(state) = self
            .components
            .iter_mut()
            .find(|m| m.component.owns(instance_id))
        {
            state.component.wake(now, instance_id);
        }
        self.settle(now);
    }

    /// Where this datagram of the application's goes now.
    ///
    /// # Errors
    /// Why it cannot be sent; say so with [`could_not_send`](Self::could_not_send).
    pub fn route(&self, component_id: u16, datagram: &[u8]) -> Result<Pair, SendError> {
        let index = usize::from(component_id).wrapping_sub(1);
        self.components
            .get(index)
            .ok_or(SendError::NotReady)?
            .component
            .route(datagram)
    }

    /// Datagrams of a component's that were dropped, for whichever [`Cause`].
    pub fn dropped(&self, component_id: u16) -> u64 {
        let index = usize::from(component_id).wrapping_sub(1);
        let state = self.components.get(index);
        state.map_or(0, |state| state.component.dropped())
    }

    /// Whether `remote` has proven itself to be a component's peer: it has answered a check.
    pub fn is_verified(&self, component_id: u16, transport: Transport, remote: SocketAddr) -> bool {
        let index = usize::from(component_id).wrapping_sub(1);
        let state = self.components.get(index);
        state.is_some_and(|state| state.component.agent().is_verified(transport, remote))
    }

    /// The pair that a component's ICE has selected.
    pub fn selected_pair(&self, component_id: u16) -> Option<Pair> {
        let index = usize::from(component_id).wrapping_sub(1);
        let state = self.components.get(index)?;
        state.component.agent().selected_pair()
    }

    /// Whether it may have connections to relays.
    pub fn has_relays(&self) -> bool {
        !self.config.settings.servers.turn.is_empty()
    }

    /// Reports a datagram that was not sent. The flow goes on.
    pub fn could_not_send(&mut self, component_id: u16, reason: String) {
        self.notify(Notification::CouldNotSendPayload {
            component_id,
            reason,
        });
    }

    /// Tells the operator of something that went wrong outside of the stream.
    pub fn warn(&mut self, warning: String) {
        self.notify(Notification::Warning { warning });
    }

    /// The next datagram of ICE's or a handshake's to send, and the component it is of.
    pub fn poll_transmit(&mut self) -> Option<(u16, Transmit)> {
        self.components.iter_mut().find_map(|state| {
            let transmit = state.component.poll_transmit()?;
            Some((state.component.id(), transmit))
        })
    }

    /// The next datagram that was dropped after it had come: its component, its number if it
    /// [waited](Arrival::Waiting), and why.
    pub fn poll_dropped(&mut self) -> Option<(u16, Option<u64>, Cause)> {
        self.dropped.pop_front()
    }

    /// The next address at which a component's peer had proven itself, and which counts no longer: its datagrams are not
    /// the component's any more, unless [`is_verified`](Self::is_verified) says that it has proven itself there again.
    pub fn poll_unverified(&mut self) -> Option<(u16, Transport, SocketAddr)> {
        self.unverified.pop_front()
    }

    /// What the application is told next, or given. [`Notification::Stopped`] is the last.
    pub fn poll_event(&mut self) -> Option<Event> {
        take_front(&mut self.events)
    }

    /// Whether [`poll_event`](Self::poll_event) or [`poll_relay`](Self::poll_relay) has something
    /// to give, or [`poll_timeout`](Self::poll_timeout) is earlier, for data that has come to or left a component.
    pub fn has_news(&self, component_id: u16) -> bool {
        let index = usize::from(component_id).wrapping_sub(1);
        let component = self.components.get(index).map(|state| &state.component);
        !self.events.is_empty()
            || component.is_some_and(|it| it.has_relay_requests() || it.is_due_earlier())
    }

    /// Whether a component is ready.
    pub fn is_ready(&self) -> bool {
        let mut components = self.components.iter();
        components.any(|state| state.component.is_ready())
    }

    /// Whether nothing more will happen.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    fn component_mut(&mut self, component_id: u16) -> Result<&mut ComponentState, Refused> {
        let count = self.components.len();
        self.components
            .get_mut(usize::from(component_id).wrapping_sub(1))
            .ok_or(Refused::NoComponent {
                component_id,
                count,
            })
    }

    fn notify(&mut self, notification: Notification) {
        let notification = Event::Notification(notification);
        match self.events.back() {
            // Nothing follows the last one.
            Some(Event::Notification(Notification::Stopped)) => {
                self.events.insert(self.events.len() - 1, notification);
            }
            None if self.stage == Stage::Ended => {}
            _ => self.events.push_back(notification),
        }
    }
}
