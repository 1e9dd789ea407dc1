//! The public face: a host of plugins, event loops and streams.
use crate::ice::{Announced, RelayTransport, Servers, TurnServer};
use crate::key_log::KeyLog;
use crate::net::{
    Application, BindError, Command, EventLoop, Gathering, Instances, Loss, Mailbox, NewStream,
    Outbox, Responder, TrustError, client_config,
};
use crate::plugin::{self, Catalogue, Loader, Plugin, SearchPath, Services, validate};
use crate::stream::{self, Message, Refused, Stream};
use crate::trace::Recorder;
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
    /// How many event loops; as many as there are cores if `None`.
    pub loops: Option<NonZero<usize>>,
    /// Where plugins' secrets go; nowhere if `None`.
    pub key_log: Option<KeyLog>,
}

/// Finds plugins, runs event loops, opens streams. Dropping it stops every stream.
#[derive(Debug)]
pub struct Host {
    loader: Loader,
    loops: Vec<Loop>,
    next: AtomicUsize,
    epoch: Instant,
}

#[derive(Debug)]
struct Loop {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no place for private copies of plugins.
    #[error(transparent)]
    Copies(#[from] plugin::CopyError),
    /// The system gives no thread or no means to wait for sockets.
    #[error("an event loop cannot start ({0}): are the process's threads or open files used up?")]
    Loop(#[source] io::Error),
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
    Gathering(#[from] BindError),
}

/// What a stream is asked to be.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's options.
    pub plugin_options: Vec<(String, String)>,
    /// Components 1 to this.
    pub n_components: u16,
    /// Whether this side begins in the controlling role of ICE.
    pub controlling: bool,
    /// Most bytes of UDP payload in a packet of the handshake.
    pub mtu: u16,
    /// How long a handshake may take, counted from READY.
    pub handshake_timeout: Duration,
    /// How long the peer may be silent before a component fails.
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
    pub gathering: Gathering,
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
            handshake_timeout: Duration::from_secs(30),
            ice_timeout: Duration::from_secs(30),
            ice_lite: false,
            announced: Vec::new(),
            hide_addresses: false,
            gathering: Gathering::default(),
            listen: false,
            servers: Servers::default(),
            turn_ca: None,
            loss: None,
            recorder: None,
        }
    }
}

impl Host {
    /// Starts the event loops.
    ///
    /// # Errors
    /// There is no place for private copies of plugins, or the system has no thread to give.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let epoch = Instant::now();
        let count = options
            .loops
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZero::get);
        let instances: Arc<Instances> = Arc::default();
        let woken = Arc::clone(&instances);
        let wake = Box::new(move |instance_id| woken.wake(instance_id));
        let keylog = options
            .key_log
            .map(|log| -> Box<dyn Fn(&str) + Send + Sync> {
                Box::new(move |line| log.append(line))
            });
        let loader = Loader::new(options.plugins, Services { keylog, wake })?;
        let responder = Arc::new(Responder::default());
        let loops = (0..count)
            .map(|index| Loop::start(index, epoch, Arc::clone(&responder), Arc::clone(&instances)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(HostError::Loop)?;
        Ok(Self {
            loader,
            loops,
            next: AtomicUsize::new(0),
            epoch,
        })
    }

    /// Every plugin that can be found, and what was refused and why. Loads nothing.
    pub fn catalogue(&self) -> Catalogue {
        self.loader.catalogue()
    }

    /// Loads a plugin.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn plugin(&self, id: &str) -> Result<Arc<Plugin>, plugin::Error> {
        self.loader.load(id)
    }

    /// Opens a stream with the plugin as it is in its directory now.
    ///
    /// # Errors
    /// The plugin cannot be used, or not with these options.
    pub fn open(
        &self,
        options: StreamOptions,
        application: Box<dyn Application>,
    ) -> Result<StreamHandle, OpenError> {
        let plugin = self.plugin(&options.plugin)?;
        let declared = &plugin.description().options;
        let settings = validate(plugin.id(), declared, &options.plugin_options)
            .map_err(plugin::Error::from)?;
        let config = stream::Config {
            plugin: Arc::clone(&plugin),
            options: settings.into(),
            n_components: options.n_components,
            controlling: options.controlling,
            mtu: options.mtu,
            handshake_timeout: options.handshake_timeout,
            ice_timeout: options.ice_timeout,
            ice_lite: options.ice_lite,
            tcp: options.gathering.tcp,
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
        options.gathering.check(&config.servers)?;
        let now = Instant::now();
        let mut stream = Stream::new(now, config)?;
        if options.listen {
            for component_id in stream.component_ids() {
                stream.handle_message(now, Message::Listen { component_id })?;
            }
        }
        let chosen = &self.loops[self.place(&options.gathering)];
        let outbox = Outbox::new(stream.id(), Arc::clone(&chosen.mailbox));
        if let Some(recorder) = &options.recorder {
            let (id, version) = (plugin.id(), &plugin.description().version);
            recorder.opened(id, version, options.n_components, options.controlling);
        }
        let (gathering, loss, recorder) = (options.gathering, options.loss, options.recorder);
        chosen.mailbox.post(Command::Open(Box::new(NewStream {
            stream,
            application,
            gathering,
            loss,
            trust,
            recorder,
        })));
        Ok(StreamHandle { outbox, plugin })
    }

    /// The loop for a stream: in turn, for they cost about the same; with the others on its port if it shares
    /// one.
    fn place(&self, gathering: &Gathering) -> usize {
        let number = match &gathering.port_range {
            _ if !gathering.single_port => self.next.fetch_add(1, Ordering::Relaxed),
            Some(ports) => usize::from(*ports.start()),
            None => 0,
        };
        number % self.loops.len()
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
    }
}

impl Loop {
    fn start(
        index: usize,
        epoch: Instant,
        responder: Arc<Responder>,
        instances: Arc<Instances>,
    ) -> io::Result<Self> {
        let event_loop = EventLoop::new(epoch, responder, instances)?;
        let mailbox = Arc::clone(event_loop.mailbox());
        let thread = thread::Builder::new()
            .name(format!("handclasp-loop-{index}"))
            .spawn(move || event_loop.run())?;
        Ok(Self {
            mailbox,
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
    pub fn send(&self, message: Message) {
        self.outbox.message(None, message);
    }

    /// Says something to the stream. If it is refused, [`Application::refused`] is given `number`.
    pub fn send_numbered(&self, number: u64, message: Message) {
        self.outbox.message(Some(number), message);
    }

    /// Sends datagrams from any thread.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        self.outbox.message(None, Message::Stop);
    }
}
