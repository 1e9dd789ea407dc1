//! The public face: a host of plugins, event loops and streams.
use crate::hidden::Keys;
use crate::ice::{Announced, RelayTransport, Servers, TurnServer};
use crate::key_log::KeyLog;
use crate::net::{
    Application, BindError, BindOptions, Command, DepartureCounter, Departures, EventLoop,
    Instances, Loss, MAX_OVERDUE, Mailbox, NewStream, Outbox, Pools, PostError, Pulse, Responder,
    TrustError, Watch, client_config,
};
use crate::plugin::{
    self, Catalogue, Loader, Plugin, PluginLog, Scanner, SearchPath, Services, validate,
};
use crate::stream::{self, Message, Refused, Stream};
use crate::trace::Recorder;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a host is made of.
#[derive(Debug)]
pub struct HostOptions {
    /// Where plugins are looked for.
    pub plugins: SearchPath,
    /// What opens each plugin in a process of its own before it is opened in this one.
    pub scanner: Scanner,
    /// How many event loops; as many as there are cores if `None`.
    pub loops: Option<NonZero<usize>>,
    /// Where plugins' secrets go; nowhere if `None`.
    pub key_log: Option<KeyLog>,
}

/// Finds plugins, runs event loops, opens streams. Dropping it stops every stream; what plugins call of it from then on
/// does nothing.
#[derive(Debug)]
pub struct Host {
    loader: Loader,
    key_log: Option<Arc<KeyLog>>,
    pools: Arc<Pools>,
    loops: Vec<Loop>,
    _watch: Watch,
    next: AtomicUsize,
    epoch: Instant,
}

#[derive(Debug)]
struct Loop {
    mailbox: Arc<Mailbox>,
    departures: Arc<DepartureCounter>,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The system gives no thread or no means to wait for sockets.
    #[error("an event loop cannot start ({0}): are the process's threads or open files used up?")]
    Loop(#[source] io::Error),
    /// The system gives no thread.
    #[error(
        "what plugins log has no thread that tells it ({0}): are the process's threads used up?"
    )]
    Log(#[source] io::Error),
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The plugin cannot be used, or not with these options.
    #[error(transparent)]
    Plugin(#[from] plugin::Error),
    /// No relay over TLS can be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The stream cannot be what the options ask for.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nothing is left for it to connect over.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Many calls of the plugin's `init` have not returned in time.
    #[error(
        "plugin {plugin}: {MAX_OVERDUE} calls of its init have not returned in time, and it is not called again before \
         one does: see what they wait for"
    )]
    Stuck {
        /// The plugin's id.
        plugin: String,
    },
    /// Every event loop that it could be on has ended.
    #[error(
        "the event loop for this stream has ended early: report what it said, and make another host"
    )]
    Ended,
}

/// What a stream is asked to be.
#[derive(Clone)]
pub struct StreamOptions {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's options.
    pub plugin_options: Vec<(String, String)>,
    /// Components 1 to this, at most 256; 1 by default.
    pub n_components: u16,
    /// Whether this side begins in the controlling role of ICE.
    pub controlling: bool,
    /// Most bytes of UDP payload in a packet of the handshake: 256 to 65,507, 1200 by default.
    pub mtu: u16,
    /// How long a call of `init` may take from when it is due, with its waiting for a thread; after that its stream
    /// fails. A millisecond to a day, 30 s by default.
    pub init_timeout: Duration,
    /// How long a handshake may take once ICE has selected a pair: a millisecond to a day, 30 s by default.
    pub handshake_timeout: Duration,
    /// How long ICE may look for a pair before a component fails: a millisecond to a day, 30 s by default. It counts
    /// from when ICE starts (the peer's credentials, then its first candidate) and again from when the peer counts as
    /// disconnected: after 30 s without an answer (RFC 7675), or with its TCP connection.
    pub ice_timeout: Duration,
    /// Whether this side only answers ICE's checks: for servers at public addresses (RFC 8445, section 2.5).
    pub ice_lite: bool,
    /// What the peer is told instead of this machine's own addresses, where a NAT passes everything on one to one.
    pub announced: Vec<Announced>,
    /// Whether the peer is told names of multicast DNS, which only this machine's own networks can look up, instead
    /// of this machine's addresses (draft-ietf-mmusic-mdns-ice-candidates). Announced addresses are told as they
    /// are, and so is what STUN servers see.
    pub hide_addresses: bool,
    /// Where its sockets may be bound.
    pub bind_options: BindOptions,
    /// Whether every component is listened to from the start.
    pub listen: bool,
    /// STUN and TURN servers, and whether only relays may be used.
    pub servers: Servers,
    /// A PEM file with the certificates that relays over TLS are trusted by; without it, those that the system
    /// trusts.
    pub turn_ca: Option<PathBuf>,
    /// Datagrams to drop on purpose.
    pub loss: Option<Loss>,
    /// What notes everything that happens, if somebody wants to read it.
    pub recorder: Option<Recorder>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            plugin: "none".to_owned(),
            plugin_options: Vec::new(),
            n_components: 1,
            controlling: false,
            mtu: 1200,
            init_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(30),
            ice_timeout: Duration::from_secs(30),
            ice_lite: false,
            announced: Vec::new(),
            hide_addresses: false,
            bind_options: BindOptions::default(),
            listen: false,
            servers: Servers::default(),
            turn_ca: None,
            loss: None,
            recorder: None,
        }
    }
}

/// Without the values of the plugin's options, of which only the plugin says which are secret.
impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOptions")
            .field("plugin", &self.plugin)
            .field("plugin_options", &Keys(&self.plugin_options))
            .field("n_components", &self.n_components)
            .field("controlling", &self.controlling)
            .field("mtu", &self.mtu)
            .field("init_timeout", &self.init_timeout)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("ice_timeout", &self.ice_timeout)
            .field("ice_lite", &self.ice_lite)
            .field("announced", &self.announced)
            .field("hide_addresses", &self.hide_addresses)
            .field("bind_options", &self.bind_options)
            .field("listen", &self.listen)
            .field("servers", &self.servers)
            .field("turn_ca", &self.turn_ca)
            .field("loss", &self.loss)
            .field("recorder", &self.recorder)
            .finish()
    }
}

/// How long the end of a host waits for what plugins logged last to be written.
const PATIENCE: Duration = Duration::from_secs(1);

impl Host {
    /// Starts the event loops.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let epoch = Instant::now();
        let count = options
            .loops
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZero::get);
        let instances: Arc<Instances> = Arc::default();
        let woken = Arc::clone(&instances);
        let wake = Box::new(move |instance_id| woken.wake(instance_id));
        let key_log = options.key_log.map(Arc::new);
        let keylog = key_log
            .clone()
            .map(|log| -> Box<dyn Fn(&str) + Send + Sync> {
                Box::new(move |line| log.append(line))
            });
        let log = Some(PluginLog::start().map_err(HostError::Log)?);
        let services = Services {
            log,
            keylog,
            wake,
            reveal: false,
        };
        let loader = Loader::new(options.plugins, services, options.scanner);
        let responder = Arc::new(Responder::default());
        let pools = Arc::new(Pools::new(epoch, count));
        let start = |index| {
            let event_loop = EventLoop::new(
                epoch,
                Arc::clone(&pools),
                Arc::clone(&responder),
                Arc::clone(&instances),
            )?;
            Loop::start(index, event_loop)
        };
        let loops = (0..count)
            .map(start)
            .collect::<Result<Vec<_>, _>>()
            .map_err(HostError::Loop)?;
        let pulses = loops.iter().map(|one| Arc::clone(&one.pulse)).collect();
        let watch = Watch::start(pulses).map_err(HostError::Loop)?;
        Ok(Self {
            loader,
            key_log,
            pools,
            loops,
            _watch: watch,
            next: AtomicUsize::new(0),
            epoch,
        })
    }

    /// Every plugin that can be found, and what was refused and why. Loads nothing.
    pub fn catalogue(&self) -> Catalogue {
        self.loader.catalogue()
    }

    /// Loads a plugin, if it is not loaded as it is in its directory now; until then this waits, at most 20 s unless
    /// the [scanner's patience](Scanner::with_patience) was changed. Other plugins are not waited for.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn plugin(&self, id: &str) -> Result<Arc<Plugin>, plugin::Error> {
        self.loader.load(id)
    }

    /// How many datagrams have left by UDP sockets, and in how many system calls: the more of them leave together,
    /// the less each costs.
    pub fn departures(&self) -> Departures {
        let mut all = Departures::default();
        for one in &self.loops {
            let Departures { datagrams, calls } = one.departures.read();
            all.datagrams += datagrams;
            all.calls += calls;
        }
        all
    }

    /// Opens a stream with the plugin as it is in its directory now.
    ///
    /// That returns at once if the plugin is loaded and its file unchanged, and waits as [`plugin`](Self::plugin) does if
    /// not. An application that opens streams from its notifications stops its event loop meanwhile: call `plugin`
    /// first, on another thread.
    ///
    /// # Errors
    /// The plugin cannot be used, or not with these options.
    pub fn open(
        &self,
        options: StreamOptions,
        application: Box<dyn Application>,
    ) -> Result<StreamHandle, OpenError> {
        let (plugin, choice) = self.loader.choose(&options.plugin)?;
        if self.pools.is_stuck(&plugin) {
            return Err(OpenError::Stuck {
                plugin: plugin.id().to_owned(),
            });
        }
        let declared = &plugin.description().options;
        let settings = validate(plugin.id(), declared, &options.plugin_options)
            .map_err(plugin::Error::from)?;
        let config = stream::Config {
            plugin: Arc::clone(plugin.info()),
            options: settings.into(),
            n_components: options.n_components,
            controlling: options.controlling,
            mtu: options.mtu,
            init_timeout: options.init_timeout,
            call_timeout: stream::CALL_TIMEOUT,
            handshake_timeout: options.handshake_timeout,
            ice_timeout: options.ice_timeout,
            ice_lite: options.ice_lite,
            tcp: options.bind_options.tcp,
            announced: options.announced.into(),
            hide_addresses: options.hide_addresses,
            servers: Arc::new(options.servers),
            epoch: self.epoch,
        };
        let uses_tls = |server: &TurnServer| server.transport == RelayTransport::Tls;
        let trust = match config.servers.turn.iter().any(uses_tls) {
            true => Some(client_config(options.turn_ca.as_deref())?),
            false => None,
        };
        options.bind_options.check(&config.servers)?;
        let now = Instant::now();
        let mut stream = Stream::new(now, config)?;
        if let Some(choice) = choice {
            stream.warn(choice);
        }
        if options.listen {
            for component_id in stream.component_ids() {
                stream.handle_message(now, Message::Listen { component_id })?;
            }
        }
        let mailbox = self.mailbox_for(&options.bind_options)?;
        let outbox = Outbox::new(stream.id(), Arc::clone(mailbox));
        if let Some(recorder) = &options.recorder {
            let (id, version) = (plugin.id(), &plugin.description().version);
            recorder.opened(id, version, options.n_components, options.controlling);
        }
        let (bind_options, loss, recorder) = (options.bind_options, options.loss, options.recorder);
        let new = Box::new(NewStream {
            stream,
            plugin: Arc::clone(&plugin),
            application,
            bind_options,
            loss,
            trust,
            recorder,
        });
        mailbox.open(new).map_err(|_| OpenError::Ended)?;
        Ok(StreamHandle { outbox, plugin })
    }

    /// The mailbox of the loop for a stream: in turn, for they cost about the same; with the others on its port if
    /// it shares one. A loop that has ended early takes none.
    fn mailbox_for(&self, bind_options: &BindOptions) -> Result<&Arc<Mailbox>, OpenError> {
        let count = self.loops.len();
        let (number, choices) = match &bind_options.port_range {
            _ if !bind_options.single_port => (self.next.fetch_add(1, Ordering::Relaxed), count),
            Some(ports) => (usize::from(*ports.start()), 1),
            None => (0, 1),
        };
        (0..choices)
            .map(|further| &self.loops[number.wrapping_add(further) % count].mailbox)
            .find(|mailbox| !mailbox.is_closed())
            .ok_or(OpenError::Ended)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for one in &self.loops {
            one.mailbox.post(Command::Shutdown);
        }
        for one in &mut self.loops {
            if let Some(thread) = one.thread.take() {
                // A loop that panicked has said so already.
                let _ = thread.join();
            }
        }
        if let Some(key_log) = &self.key_log {
            key_log.finish(PATIENCE);
        }
        if let Some(log) = &self.loader.services().log {
            log.finish(PATIENCE);
        }
    }
}

impl Loop {
    fn start(index: usize, event_loop: EventLoop) -> io::Result<Self> {
        let mailbox = Arc::clone(event_loop.mailbox());
        let departures = Arc::clone(event_loop.departures());
        let pulse = Arc::clone(event_loop.pulse());
        let thread = thread::Builder::new()
            .name(format!("handclasp-loop-{index}"))
            .spawn(move || event_loop.run())?;
        Ok(Self {
            mailbox,
            departures,
            pulse,
            thread: Some(thread),
        })
    }
}

/// A stream that runs. Dropping it stops the stream.
#[derive(Debug)]
pub struct StreamHandle {
    outbox: Outbox,
    plugin: Arc<Plugin>,
}

impl StreamHandle {
    /// The plugin that shakes hands for this stream.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Says something to the stream.
    ///
    /// # Errors
    /// The event loop has fallen behind by 256 KiB of the stream's messages, or has ended.
    pub fn send(&self, message: Message) -> Result<(), PostError> {
        self.outbox.message(None, message)
    }

    /// Stops the stream, whatever waits before, as dropping this does.
    pub fn stop(&self) {
        self.outbox.stop();
    }

    /// Says something to the stream. If it is refused, [`Application::refused`] is given `number`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_numbered(&self, number: u64, message: Message) -> Result<(), PostError> {
        self.outbox.message(Some(number), message)
    }

    /// Sends datagrams from any thread.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        self.outbox.stop();
    }
}
