//! One ICE stream, without sockets or clock: components 1..n, their common credentials, SDP, notifications.
mod description;
mod gathering;
mod notification;

use crate::component::{self, Arrival, Component, SendError};
use crate::ice::{self, Accepted, Announced, Credentials, Ignored, Pair, Servers, Transmit};
use crate::plugin::{Completion, InitParameters, Plugin, Request};
use crate::sdp::InitDataFormat;
use description::Negotiation;
use gathering::{Gathering, Names};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use gathering::Lookup;
pub use notification::{Message, Notification, Refused};

/// What a stream is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The loaded plugin: `handshake_module`.
    pub plugin: Arc<Plugin>,
    /// Validated options: `handshake_opts`.
    pub options: Arc<[(String, String)]>,
    /// Components 1 to this; at least 1.
    pub n_components: u16,
    /// The ICE role (RFC 8445, section 6.1.1).
    pub controlling: bool,
    /// Most bytes of UDP payload in a packet of the handshake.
    pub mtu: u16,
    /// How long a handshake may take, from READY.
    pub handshake_timeout: Duration,
    /// How long the peer may be silent before a component fails.
    pub ice_timeout: Duration,
    /// Whether this side only answers checks (RFC 8445, section 2.5): `ice_lite`.
    pub ice_lite: bool,
    /// What the peer is told instead of this machine's own addresses.
    pub announced: Arc<[Announced]>,
    /// STUN and TURN servers: `stun_servers` and `turn_servers`.
    pub servers: Arc<Servers>,
    /// The origin of the plugins' clock, the same for all streams.
    pub epoch: Instant,
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    id: u64,
    config: Config,
    format: InitDataFormat,
    credentials: Credentials,
    remote: Option<Credentials>,
    /// This side has restarted and waits for the peer's new credentials.
    restarting: bool,
    negotiation: Negotiation,
    components: Vec<Member>,
    stage: Stage,
    names: Names,
    gathering: Gathering,
    /// Whether there is nothing to start or gather for any more.
    closing: bool,
    stopping: bool,
    notifications: VecDeque<Notification>,
}

/// A component and what its stream knows of it.
#[derive(Debug)]
struct Member {
    component: Component,
    init_data: Option<Vec<u8>>,
    default_address: Option<SocketAddr>,
    listened: bool,
    unheard: Unheard,
    ended: bool,
}

/// Datagrams nobody listened to, and when that was last said.
#[derive(Debug, Default)]
struct Unheard {
    count: u64,
    said: Option<Instant>,
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

/// How often the operator hears of datagrams nobody listens to.
const UNHEARD_EVERY: Duration = Duration::from_secs(10);

/// Most components a stream may have (RFC 8839 allows 256; more than RTP and RTCP is rare).
pub const MAX_COMPONENTS: u16 = 256;

/// An id that no other stream or instance of this process has or will have.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Stream {
    /// Prepares a stream: asks for `init` of its first component at once. `now` is any time not after those
    /// that follow.
    ///
    /// # Errors
    /// The plugin declares a type of init data that this host cannot carry, or there are too many or no
    /// components.
    pub fn new(now: Instant, config: Config) -> Result<Self, Refused> {
        if !(1..=MAX_COMPONENTS).contains(&config.n_components) {
            return Err(Refused(format!(
                "a stream has 1 to {MAX_COMPONENTS} components, not {}",
                config.n_components
            )));
        }
        config.servers.check().map_err(refused)?;
        if config.ice_lite && config.controlling {
            return Err(Refused(
                "an ICE-lite side does not control (RFC 8445, section 6.1.1): leave its peer the controlling role"
                    .to_owned(),
            ));
        }
        let has_servers = !(config.servers.stun.is_empty() && config.servers.turn.is_empty());
        if config.ice_lite && has_servers {
            return Err(Refused(
                "an ICE-lite side has host candidates only: leave out its STUN and TURN servers"
                    .to_owned(),
            ));
        }
        let declared = config.plugin.description().init_data_type.as_deref();
        let format = InitDataFormat::parse(declared)
            .map_err(|error| Refused(format!("plugin {}: {error}", config.plugin.id())))?;
        let (id, credentials) = (fresh_id(), Credentials::generate());
        let tie_breaker = ice::tie_breaker();
        let components = (1..=config.n_components)
            .map(|component_id| {
                Member::new(now, &config, id, component_id, &credentials, tie_breaker)
            })
            .collect();
        Ok(Self {
            id,
            format,
            credentials,
            remote: None,
            restarting: false,
            negotiation: Negotiation::new(id),
            components,
            stage: Stage::Starting,
            gathering: Gathering::default(),
            names: Names::default(),
            closing: false,
            stopping: false,
            notifications: VecDeque::new(),
            config,
        })
    }

    /// Unique in this process, never reused.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its components' ids.
    pub fn component_ids(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.config.n_components
    }

    /// What the application says.
    ///
    /// # Errors
    /// A sentence that says what to do instead; nothing has changed then.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), Refused> {
        if self.stage == Stage::Ended && message != Message::Stop {
            return Err(Refused("the stream has ended: start another".to_owned()));
        }
        match message {
            Message::SetRemoteCredentials { credentials } => {
                let credentials = credentials.parse().map_err(refused)?;
                self.set_remote_credentials(credentials)?;
            }
            Message::SetRemoteCandidate {
                candidate,
                component_id,
            } => {
                self.add_remote_candidate(component_id, &candidate)?;
            }
            Message::ParseRemoteSdp { sdp } => self.parse_remote_sdp(now, &sdp)?,
            Message::GenerateLocalSdp => self.generate_local_sdp()?,
            Message::PeerCandidateGatheringDone => self.set_end_of_candidates(),
            Message::GatherCandidates => self.gather_again(now)?,
            Message::RestartStream => self.restart()?,
            Message::SetPeerInitData {
                component_id,
                role,
                init_data,
            } => {
                let member = self.member(component_id)?;
                if member.ended {
                    let reason =
                        format!("component {component_id} has ended: start another stream");
                    return Err(Refused(reason));
                }
                member.component.set_peer(now, role, init_data, fresh_id());
            }
            Message::Listen { component_id } => self.listen(component_id)?,
            Message::Close => self.close(now),
            Message::Stop => {
                self.stopping = true;
                self.close(now);
            }
        }
        self.settle(now);
        Ok(())
    }

    fn set_remote_credentials(&mut self, credentials: Credentials) -> Result<(), Refused> {
        let known = self.remote.replace(credentials.clone());
        let changed = known.is_some_and(|known| known != credentials);
        if changed && !self.restarting {
            self.restart_agents(); // the peer restarted: so does this side (RFC 8445, section 9)
        }
        self.restarting &= !changed;
        for member in &mut self.components {
            member
                .component
                .agent_mut()
                .set_remote_credentials(credentials.clone())
                .map_err(refused)?;
        }
        Ok(())
    }

    fn add_remote_candidate(&mut self, component_id: u16, line: &str) -> Result<(), Refused> {
        let accepted = self
            .member(component_id)?
            .component
            .agent_mut()
            .add_remote_candidate(line)
            .map_err(refused)?;
        if accepted == Accepted::Ignored(Ignored::HostName) {
            self.look_up_candidate(component_id, line);
        }
        let candidate = line.to_owned();
        self.notify(Notification::NewRemoteCandidateFull {
            component_id,
            candidate,
        });
        Ok(())
    }

    fn set_end_of_candidates(&mut self) {
        for member in &mut self.components {
            member.component.agent_mut().set_end_of_candidates();
        }
    }

    fn gather_again(&mut self, now: Instant) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused(
                "gathering starts by itself once every init has finished".to_owned(),
            ));
        }
        self.gather(now);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused(
                "nothing to restart yet: wait for local_credentials".to_owned(),
            ));
        }
        self.restarting = true;
        self.restart_agents();
        Ok(())
    }

    fn restart_agents(&mut self) {
        self.credentials = Credentials::generate();
        for member in &mut self.components {
            member
                .component
                .agent_mut()
                .restart(self.credentials.clone());
        }
        self.announce_credentials();
        self.announce_candidates();
    }

    fn announce_credentials(&mut self) {
        let credentials = self.credentials.to_string();
        self.notify(Notification::LocalCredentials { credentials });
    }

    /// After a restart the peer hears the same candidates under new credentials.
    fn announce_candidates(&mut self) {
        for member in &mut self.components {
            let component_id = member.component.id();
            for candidate in member.component.agent().local_candidates() {
                self.notifications
                    .push_back(Notification::NewCandidateFull {
                        component_id,
                        candidate,
                    });
            }
        }
        if self.stage == Stage::Gathered {
            self.notify(Notification::CandidateGatheringDone);
        }
    }

    fn listen(&mut self, component_id: u16) -> Result<(), Refused> {
        let member = self.member(component_id)?;
        member.listened = true;
        let finished = member.component.handshake_data().cloned();
        let ready = member.component.is_ready();
        if let Some(data) = finished {
            self.notify(Notification::HandshakeData {
                component_id,
                data: data.clone(),
            });
            if ready {
                self.notify(Notification::ComponentStateReady { component_id, data });
            }
        }
        Ok(())
    }

    fn close(&mut self, now: Instant) {
        self.closing = true;
        for member in &mut self.components {
            member.component.close(now);
        }
    }

    /// A datagram that arrived for a component. Anything may stand in it.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        component_id: u16,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Arrival {
        let Ok(member) = self.member(component_id) else {
            return Arrival::Consumed;
        };
        match member
            .component
            .handle_datagram(now, local, remote, datagram)
        {
            Arrival::Application if member.listened => Arrival::Application,
            Arrival::Application => {
                self.say_unheard(now, component_id);
                Arrival::Consumed
            }
            arrival @ (Arrival::Validated | Arrival::Consumed) => {
                self.settle(now);
                arrival
            }
        }
    }

    fn say_unheard(&mut self, now: Instant, component_id: u16) {
        let Ok(member) = self.member(component_id) else {
            return;
        };
        let Unheard { count, said } = &mut member.unheard;
        *count += 1;
        if said.is_none_or(|said| now >= said + UNHEARD_EVERY) {
            let (dropped, since) = (std::mem::take(count), UNHEARD_EVERY.as_secs());
            *said = Some(now);
            let warning = format!(
                "component {component_id}: nobody listens, {dropped} datagrams dropped; \
                 listen to it (this warning comes at most every {since} s)"
            );
            self.notify(Notification::Warning { warning });
        }
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        for member in &mut self.components {
            if member.component.poll_timeout().is_some_and(|at| at <= now) {
                member.component.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let servers = self.gathering_timeout();
        let components = self.components.iter_mut();
        components
            .filter_map(|member| member.component.poll_timeout())
            .chain(servers)
            .min()
    }

    /// The ufrags by which requests for a component are known; after a restart the older one too.
    pub fn local_ufrags(&self, component_id: u16) -> impl Iterator<Item = &str> {
        let member = self
            .components
            .get(usize::from(component_id).wrapping_sub(1));
        member
            .into_iter()
            .flat_map(|member| member.component.agent().local_ufrags())
    }

    /// Whether an instance is one of this stream's.
    pub fn owns(&self, instance_id: u64) -> bool {
        self.component_of(instance_id).is_some()
    }

    /// The component that an instance serves, if it is one of this stream's.
    pub fn component_of(&self, instance_id: u64) -> Option<u16> {
        let mut members = self.components.iter();
        let owner = members.find(|member| member.component.owns(instance_id))?;
        Some(owner.component.id())
    }

    /// Ends every component: there is no way for its datagrams.
    pub fn fail(&mut self, now: Instant, reason: &str) {
        for member in &mut self.components {
            member.component.end(now, reason.to_owned());
        }
        self.settle(now);
    }

    /// The next call into a plugin. Its completion must come back to
    /// [`handle_completion`](Self::handle_completion).
    pub fn poll_request(&mut self) -> Option<Request> {
        for member in &mut self.components {
            if let Some(request) = member.component.poll_request() {
                return Some(request);
            }
            if member.component.phase() == component::Phase::Starting {
                return None; // `init` runs for components 1..n in order
            }
        }
        None
    }

    /// What came of a call.
    pub fn handle_completion(&mut self, now: Instant, completion: Completion) {
        let owner = |member: &&mut Member| member.component.owns(completion.instance_id);
        if let Some(member) = self.components.iter_mut().find(owner) {
            member.component.handle_completion(now, completion);
        }
        self.settle(now);
    }

    /// A plugin asked for `on_wake` of one of its instances.
    pub fn wake(&mut self, now: Instant, instance_id: u64) {
        if let Some(member) = self
            .components
            .iter_mut()
            .find(|m| m.component.owns(instance_id))
        {
            member.component.wake(now, instance_id);
        }
        self.settle(now);
    }

    /// Where a datagram of the application's goes now.
    ///
    /// # Errors
    /// Why it cannot be sent; say so with [`could_not_send`](Self::could_not_send).
    pub fn route(&self, component_id: u16) -> Result<Pair, SendError> {
        let index = usize::from(component_id).wrapping_sub(1);
        self.components
            .get(index)
            .ok_or(SendError::NotReady)?
            .component
            .route()
    }

    /// Datagrams of a component's that were dropped: from addresses ICE has not validated, or for want of place
    /// or taker.
    pub fn dropped(&self, component_id: u16) -> u64 {
        let index = usize::from(component_id).wrapping_sub(1);
        let member = self.components.get(index);
        member.map_or(0, |member| member.component.dropped())
    }

    /// Whether `remote` has proven itself to be a component's peer.
    pub fn is_validated(&self, component_id: u16, remote: SocketAddr) -> bool {
        let index = usize::from(component_id).wrapping_sub(1);
        let member = self.components.get(index);
        member.is_some_and(|member| member.component.agent().is_validated(remote))
    }

    /// Reports a datagram that was not sent. The flow goes on.
    pub fn could_not_send(&mut self, component_id: u16, reason: String) {
        self.notify(Notification::CouldNotSendPayload {
            component_id,
            reason,
        });
    }

    /// The next datagram of ICE's or a handshake's to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.components
            .iter_mut()
            .find_map(|member| member.component.poll_transmit())
    }

    /// The next notification.
    pub fn poll_notification(&mut self) -> Option<Notification> {
        self.notifications.pop_front()
    }

    /// Whether [`poll_notification`](Self::poll_notification) or [`poll_relay`](Self::poll_relay) has something
    /// to give.
    pub fn has_news(&self) -> bool {
        let mut members = self.components.iter();
        !self.notifications.is_empty()
            || members.any(|member| member.component.has_relay_requests())
    }

    /// Whether nothing more will happen.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    fn member(&mut self, component_id: u16) -> Result<&mut Member, Refused> {
        let n = self.components.len();
        self.components
            .get_mut(usize::from(component_id).wrapping_sub(1))
            .ok_or_else(|| {
                Refused(format!(
                    "there is no component {component_id}: this stream has 1 to {n}"
                ))
            })
    }

    fn notify(&mut self, notification: Notification) {
        self.notifications.push_back(notification);
    }

    /// Carries what the components have said to the application.
    fn settle(&mut self, now: Instant) {
        for index in 0..self.components.len() {
            while let Some(event) = self.components[index].component.poll_event() {
                self.take_event(now, index, event);
            }
        }
        self.conclude_gathering(Some(now));
        if self.stopping
            && self.components.iter().all(|member| member.ended)
            && self.stage != Stage::Ended
        {
            self.stage = Stage::Ended;
            self.notify(Notification::Stopped);
        }
    }

    fn take_event(&mut self, now: Instant, index: usize, event: component::Event) {
        use component::Event;
        let member = &mut self.components[index];
        let component_id = member.component.id();
        match event {
            Event::InitData(init_data) => {
                member.init_data = Some(init_data.clone());
                self.notify(Notification::HandshakeInitData {
                    component_id,
                    init_data,
                });
                self.start_gathering(now);
            }
            Event::Candidate { line, address } => {
                self.tell_candidate(component_id, Some(line), address);
            }
            Event::SelectedPair(pair) => {
                self.notify(Notification::NewSelectedPair { component_id, pair });
            }
            Event::Disconnected => {
                self.notify(Notification::ComponentStateDisconnected { component_id });
            }
            Event::HandshakeData(data) => {
                self.notify(Notification::HandshakeData { component_id, data })
            }
            Event::Ready(data) => {
                self.notify(Notification::ComponentStateReady { component_id, data })
            }
            Event::Application(payload) if member.listened => {
                self.notify(Notification::IcePayload {
                    component_id,
                    payload,
                });
            }
            Event::Application(_) => self.say_unheard(now, component_id),
            Event::Warning(warning) => self.notify(Notification::Warning { warning }),
            Event::Closed { by_peer } => {
                member.ended = true;
                self.notify(Notification::ComponentClosed {
                    component_id,
                    by_peer,
                });
            }
            Event::Failed(reason) => {
                member.ended = true;
                let in_init = member.init_data.is_none();
                self.notify(Notification::ComponentStateFailed {
                    component_id,
                    reason,
                });
                if self.stage == Stage::Starting && in_init {
                    self.fail_to_start(now, component_id);
                }
            }
        }
    }

    fn start_gathering(&mut self, now: Instant) {
        let initialised = self
            .components
            .iter()
            .all(|member| member.init_data.is_some());
        if self.stage == Stage::Starting && initialised && !self.closing {
            self.gather(now);
            for member in &mut self.components {
                member.component.start_ice();
            }
            self.announce_credentials();
        }
    }

    /// A failed `init` fails its stream, and no other.
    fn fail_to_start(&mut self, now: Instant, culprit: u16) {
        self.stage = Stage::Ended;
        for member in &mut self.components {
            if !member.ended {
                member.ended = true;
                member.component.abandon(now);
                let component_id = member.component.id();
                let reason = format!("component {culprit} could not start");
                self.notifications
                    .push_back(Notification::ComponentStateFailed {
                        component_id,
                        reason,
                    });
            }
        }
        self.notify(Notification::Stopped);
    }
}

impl Member {
    fn new(
        now: Instant,
        config: &Config,
        stream_id: u64,
        component_id: u16,
        credentials: &Credentials,
        tie_breaker: u64,
    ) -> Self {
        let mut ice = ice::Config::new(component_id, config.controlling, tie_breaker);
        ice.ice_timeout = config.ice_timeout;
        ice.lite = config.ice_lite;
        ice.announced = Arc::clone(&config.announced);
        let agent = ice::Agent::new(ice, credentials.clone(), now);
        let gatherer = ice::Gatherer::new(component_id, &config.servers, now);
        let parameters = InitParameters {
            component_id,
            component_count: config.n_components,
            mtu: config.mtu,
            instance_id: fresh_id(),
            stream_id,
            options: Arc::clone(&config.options),
        };
        let config = component::Config {
            plugin: Arc::clone(&config.plugin),
            parameters,
            handshake_timeout: config.handshake_timeout,
            epoch: config.epoch,
        };
        Self {
            component: Component::new(config, agent, gatherer),
            init_data: None,
            default_address: None,
            listened: false,
            unheard: Unheard::default(),
            ended: false,
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}
