//! The public face: a host of plugins, event loops and streams.
use crate::error::{HostError, OpenError};
use crate::ice::{RelayTransport, TurnServer};
use crate::key_log::KeyLog;
use crate::made_in::MadeIn;
use crate::net::{
    Application, BindOptions, Command, DepartureCounter, Departures, EventLoop, Instances, Mailbox,
    NewStream, Outbox, Pools, Pulse, Responder, Watch, client_config,
};
use crate::plugin::{
    self, Catalogue, Loader, Plugin, PluginLog, Scanner, SearchPath, Services, ending, validate,
};
use crate::stream::{self, Message, Stream};
use crate::stream_handle::StreamHandle;
use crate::stream_options::StreamOptions;
use std::io;
use std::mem;
use std::num::NonZero;
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
/// does nothing. Calls of `init` that have not begun never do, and those under way are waited for, 2 s at most.
///
/// What belongs to a host goes with it. A plugin stays mapped, once for all hosts of the process.
///
/// Where the process ends by a return from `main` or by `exit`, before hosts are dropped or plugins have returned from
/// `init`, no call into a plugin begins any more, and those under way are waited for, 2 s at most: their libraries'
/// destructors run after that. In a process that was forked a host does nothing; dropping it there is harmless.
#[derive(Debug)]
pub struct Host {
    loader: Loader,
    key_log: Option<Arc<KeyLog>>,
    pools: Arc<Pools>,
    loops: Vec<Loop>,
    _watch: Watch,
    next: AtomicUsize,
    epoch: Instant,
    made_in: MadeIn,
}

#[derive(Debug)]
struct Loop {
    mailbox: Arc<Mailbox>,
    departures: Arc<DepartureCounter>,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
    made_in: MadeIn,
}

/// How long the end of a host waits for what plugins logged last to be written.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits for calls of `init`. One that takes longer goes on, and what it makes is destroyed then.
const CALLS_PATIENCE: Duration = Duration::from_secs(2);

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
            made_in: MadeIn::this_process(),
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
        if self.made_in.is_another_process() {
            return; // there are none of its threads
        }
        for one in &self.loops {
            one.mailbox.post(Command::Shutdown);
        }
        self.loops.clear(); // all at once, and not one after the other
        self.pools.finish(CALLS_PATIENCE);
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
            made_in: MadeIn::this_process(),
        })
    }
}

/// Also one that a host has begun which could not be made.
impl Drop for Loop {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if self.made_in.is_another_process() {
            return mem::forget(thread); // there is none
        }
        self.mailbox.post(Command::Shutdown);
        // Where the process ends, the thread may wait for that in a call into a plugin.
        if let Some(thread) = thread
            && !ending::has_begun()
        {
            // A loop that panicked has said so already.
            let _ = thread.join();
        }
    }
}
