//! The public face: a host of plugins, event loops and streams.
use crate::component::{DropCounter, Dropped};
use crate::error::{HostError, OpenError, StillRunning};
use crate::host_options::HostOptions;
use crate::ice::{Reflexive, RelayTransport, Servers, StunServer, TurnServer};
use crate::key_log::KeyLog;
use crate::loops::Loops;
use crate::made_in::MadeIn;
use crate::net::{
    Application, Arrivals, BindOptions, Command, Departures, EventLoop, Guarded, Handovers,
    Instances, LoopState, Mailbox, NewStream, NotOpened, Pools, Ports, Responder, SharedPorts,
    SharedStun, SocketBuffers, StreamRef, Takeover, Watch, client_config, is_on_event_loop,
};
#[cfg(unix)]
use crate::net::{PassError, PassedPorts};
use crate::plugin::{
    self, Catalogue, Found, Loader, Plugin, PluginLog, PrivateCopy, Services, ending, validate,
};
use crate::stream::{self, Settings, Stream};
use crate::stream_handle::StreamHandle;
use crate::stream_options::StreamOptions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Finds plugins, runs event loops, opens streams.
///
/// Cloning is cheap, and each clone is the same host. It ends with the last of them, or when it is
/// [shut down](Self::shutdown): every stream hears its end, and what plugins call of the host from then on does nothing.
///
/// What belongs to a host goes with it. A plugin stays mapped, once for all hosts of the process.
///
/// The last clone may be dropped anywhere. The drop waits until the event loops and what runs of plugins' `init` have
/// ended, at most 5 s: each callback of an [`Application`] that is under way has to return, so hold no lock meanwhile
/// that one of them takes. In a callback of any host's it does not wait, for it might wait for itself.
///
/// Where the process ends by a return from `main` or by `exit`, before hosts are dropped or plugins have returned from
/// `init`, no call into a plugin begins any more, and those under way are waited for, 2 s at most: their libraries'
/// destructors run after that. In a process that was forked only dropping a host is harmless, and does nothing.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    loader: Loader,
    key_log: Option<Arc<KeyLog>>,
    pools: Arc<Pools>,
    stun: Arc<SharedStun>,
    loops: Loops,
    _watch: Watch,
    /// How many streams were opened that may be on any loop.
    next: AtomicUsize,
    epoch: Instant,
    made_in: MadeIn,
    drop_counter: Arc<DropCounter>,
}

/// How long the last drop waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of a host waits for what plugins logged last to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Host {
    /// Starts the event loops.
    ///
    /// # Errors
    /// An option is out of its bounds, or the system has no thread to give.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let epoch = Instant::now();
        let count = options.check()?;
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
            measure: options.measure_calls,
        };
        let loader = Loader::new(options.plugins, services, options.scanner);
        let responder = Arc::new(Responder::default());
        let pools = Arc::new(Pools::new(epoch, count));
        let (stun, takeover) = (Arc::default(), Arc::default());
        let start = || {
            EventLoop::new(
                epoch,
                Arc::clone(&pools),
                Arc::clone(&responder),
                &stun,
                Arc::clone(&instances),
                &takeover,
            )
        };
        #[cfg(unix)]
        let prepare = |siblings: &_, loops: &mut [_]| match options.passed {
            Some(passed) => passed.settle(siblings, loops),
            None => Ok(()),
        };
        #[cfg(not(unix))]
        let prepare = |_: &_, _: &mut [_]| Ok(());
        let loops = Loops::start(count, &takeover, start, prepare).map_err(HostError::Loop)?;
        let watch = Watch::start(loops.pulses()).map_err(HostError::Loop)?;
        Ok(Self(Arc::new(Inner {
            loader,
            key_log,
            pools,
            stun,
            loops,
            _watch: watch,
            next: AtomicUsize::new(0),
            epoch,
            made_in: MadeIn::this_process(),
            drop_counter: Arc::default(),
        })))
    }

    /// Every plugin that can be found, and what was refused and why. Loads nothing.
    pub fn catalogue(&self) -> Catalogue {
        self.0.loader.catalogue()
    }

    /// Loads a plugin, if it is not loaded as it is in its directory now; until then this waits, at most 20 s unless
    /// the [scanner's patience](plugin::Scanner::with_patience) was changed. Other plugins are not waited for.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn plugin(&self, id: &str) -> Result<Arc<Plugin>, plugin::Error> {
        self.0.loader.load(id)
    }

    /// A private copy of a plugin of the [catalogue](Self::catalogue): what it holds can be looked at and will not change.
    ///
    /// # Errors
    /// The file is refused, or is another plugin by now, or there is no room for a copy.
    pub fn copy(&self, found: &Found) -> Result<PrivateCopy, plugin::Error> {
        self.0.loader.copy(found)
    }

    /// Loads the plugin in a private copy, for streams [opened with it](Self::open_with). It is the same plugin for the
    /// same content, as long as somebody has it. [`plugin`](Self::plugin) and [`open`](Self::open) know nothing of it.
    ///
    /// This waits as `plugin` does.
    ///
    /// # Errors
    /// One sentence that names the file, the cause and the remedy.
    pub fn load(&self, copy: PrivateCopy) -> Result<Arc<Plugin>, plugin::Error> {
        self.0.loader.open(copy)
    }

    /// How much has arrived at UDP sockets, and how much of that was nobody's.
    pub fn arrivals(&self) -> Arrivals {
        self.0.loops.arrivals()
    }

    /// Datagrams of peers' and packets of handshakes' that were dropped since the host was made, by their causes.
    pub fn dropped(&self) -> Vec<Dropped> {
        self.0.drop_counter.read()
    }

    /// How many datagrams have left by UDP sockets, and in how many system calls: the more of them leave together,
    /// the less each costs.
    pub fn departures(&self) -> Departures {
        self.0.loops.departures()
    }

    /// What has passed between the event loops: datagrams that arrived at another one than their stream's, and streams
    /// that moved to where their peer's arrive.
    pub fn handovers(&self) -> Handovers {
        self.0.loops.handovers()
    }

    /// How each event loop is.
    pub fn loops(&self) -> Vec<LoopState> {
        let nanos = plugin::nanos_since(self.0.epoch, Instant::now());
        let pulses = self.0.loops.pulses();
        pulses.iter().map(|pulse| pulse.state(nanos)).collect()
    }

    /// What the system keeps for UDP sockets of what arrives and what leaves, the least that any was granted: of those that
    /// streams share, and of those whose [options](BindOptions::receive_buffer) ask for it. `None` before there is one.
    pub fn socket_buffers(&self) -> Option<SocketBuffers> {
        self.0.loops.buffers()
    }

    /// What STUN servers see of the sockets that streams [share](BindOptions::single_port): such a socket asks each server
    /// that a stream of its names, once for all of them, and again every 25 s. Their candidates are what is known when a
    /// stream gathers; an address that is learnt or changes later is a further candidate of streams that have no pair yet.
    pub fn reflexive_addresses(&self) -> Vec<Reflexive> {
        self.0.stun.known()
    }

    /// Binds the ports that streams with these options [share](BindOptions::single_port) before the first of them is
    /// opened, and asks their STUN servers, so that the first knows them too. These are asked on while there is no stream,
    /// until this is called again with others for the same ports. Returns the local addresses; none if the options do not
    /// say that ports are shared. In a callback of a stream it does not wait, and returns none either.
    ///
    /// # Errors
    /// An option is out of its bounds, none of a component's ports can be bound, or the host was shut down.
    pub fn bind_shared(&self, options: &StreamOptions) -> Result<Vec<SocketAddr>, OpenError> {
        options.check()?;
        let (bind_options, mut settings) = (options.bind_options.clone(), options.settings.clone());
        let has_sockets = !bind_options.no_udp && !settings.servers.relay_only;
        if !bind_options.single_port || !has_sockets {
            return Ok(Vec::new());
        }
        let mailbox = Arc::clone(self.0.mailbox_for(&bind_options));
        let (sender, bound) = sync_channel(1);
        let ports = Ports {
            stun: shared_stun(&mut settings, &bind_options),
            n_components: settings.n_components,
            announced: settings.announced,
            bind_options,
        };
        mailbox.post(Command::BindShared(Box::new(SharedPorts {
            ports,
            bound: sender,
        })));
        if is_on_event_loop() {
            return Ok(Vec::new());
        }
        match bound.recv() {
            Ok(bound) => Ok(bound?),
            Err(_) => Err(OpenError::ShutDown),
        }
    }

    /// Passes the ports that streams [share](BindOptions::single_port) to another process, whose host
    /// [takes them over](HostOptions::take_over). This host's streams keep them; what arrives there for nobody here goes on to
    /// that one, until this host ends: from then on that one receives by itself. Ports that are bound later are not passed.
    /// A process that the ports were passed to before gets nothing any more.
    ///
    /// This waits for the event loops, 5 s at most; in a callback of a stream it fails.
    ///
    /// # Errors
    /// There is none, another host still receives by them, the system gives no copies of the sockets, or an event loop does not answer.
    #[cfg(unix)]
    pub fn pass_ports(&self) -> Result<PassedPorts, PassError> {
        match is_on_event_loop() {
            true => Err(PassError::Loop),
            false => self.0.loops.pass_ports(),
        }
    }

    /// The process that has [passed](HostOptions::take_over) its ports to this host will not take them back: once it
    /// receives no more, this host does. Until this is called it does not, whatever becomes of that process.
    pub fn confirm_takeover(&self) {
        self.0.loops.confirm_takeover();
    }

    /// How far takeovers of this host's ports have come.
    pub fn takeover(&self) -> Takeover {
        self.0.loops.takeover()
    }

    /// Opens a stream with the plugin as it is in its directory now.
    ///
    /// `application` is told what happens, until [`Notification::Stopped`](stream::Notification::Stopped). The stream ends
    /// with its handle.
    ///
    /// That returns at once if the plugin is loaded and its file unchanged, and waits as [`plugin`](Self::plugin) does if
    /// not. An application that opens streams from its notifications stops its event loop meanwhile: call `plugin`
    /// first, on another thread.
    ///
    /// # Errors
    /// The plugin cannot be used, or not with these options; 4,096 streams wait for their event loop already; the host was
    /// shut down. The application is dropped then, and is told nothing.
    pub fn open(
        &self,
        options: StreamOptions,
        application: impl Application + 'static,
    ) -> Result<StreamHandle, OpenError> {
        options.check()?;
        let (plugin, choice) = self.0.loader.choose(&options.plugin)?;
        self.open_chosen(plugin, choice, options, application)
    }

    /// Opens a stream with a plugin that is at hand, whatever is in its directory now and whatever plugin the options
    /// name. It waits for nothing.
    ///
    /// # Errors
    /// As those of [`open`](Self::open).
    pub fn open_with(
        &self,
        plugin: &Arc<Plugin>,
        options: StreamOptions,
        application: impl Application + 'static,
    ) -> Result<StreamHandle, OpenError> {
        options.check()?;
        self.open_chosen(Arc::clone(plugin), None, options, application)
    }

    /// `choice` is what there is to say of the files that the plugin was chosen from.
    fn open_chosen(
        &self,
        plugin: Arc<Plugin>,
        choice: Option<String>,
        options: StreamOptions,
        application: impl Application + 'static,
    ) -> Result<StreamHandle, OpenError> {
        let host = &*self.0;
        if host.pools.is_stuck(&plugin) {
            return Err(OpenError::Stuck {
                plugin: plugin.id().to_owned(),
            });
        }
        let declared = &plugin.description().options;
        let plugin_options = validate(plugin.id(), declared, &options.plugin_options)
            .map_err(plugin::Error::from)?;
        let mut settings = options.settings;
        let stun = shared_stun(&mut settings, &options.bind_options);
        let config = stream::Config {
            plugin: Arc::clone(plugin.info()),
            options: plugin_options.into(),
            settings,
            tcp: options.bind_options.tcp,
            call_timeout: stream::CALL_TIMEOUT,
            epoch: host.epoch,
            drop_counter: Arc::clone(&host.drop_counter),
        };
        let uses_tls = |server: &TurnServer| server.transport == RelayTransport::Tls;
        let trust = match config.settings.servers.turn.iter().any(uses_tls) {
            true => Some(client_config(options.turn_ca.as_deref())?),
            false => None,
        };
        let now = Instant::now();
        let (n_components, controlling) =
            (config.settings.n_components, config.settings.controlling);
        let mut stream = Stream::new(now, config)?;
        if let Some(choice) = choice {
            stream.warn(choice);
        }
        if options.listen {
            stream.listen_from_the_start();
        }
        let mailbox = host.mailbox_for(&options.bind_options);
        let stream_ref = StreamRef::new(stream.id(), Arc::clone(mailbox));
        if let Some(recorder) = &options.recorder {
            let (id, version) = (plugin.id(), &plugin.description().version);
            recorder.opened(id, version, n_components, controlling);
        }
        let (bind_options, loss, recorder) = (options.bind_options, options.loss, options.recorder);
        let new = Box::new(NewStream {
            stream,
            plugin: Arc::clone(&plugin),
            application: Guarded::new(Box::new(application), stream_ref.clone()),
            bind_options,
            stun,
            loss,
            trust,
            recorder,
        });
        match mailbox.open(new) {
            Ok(()) => Ok(StreamHandle::new(stream_ref, plugin)),
            Err(NotOpened::Full) => Err(OpenError::Full),
            Err(NotOpened::Closed) => Err(OpenError::ShutDown),
        }
    }

    /// Ends the host: each stream is stopped and hears its end, calls of plugins' `init` that have not begun are not made,
    /// and those under way are waited for, as are callbacks of applications, in all so long. No stream can be opened any
    /// more. In a callback of a stream, of this host or another one, this waits for nothing.
    ///
    /// Afterwards the last drop of the host waits for what still runs, as it does without this; `std::mem::forget` the host
    /// where that is not wanted.
    ///
    /// # Errors
    /// Something still runs. It ends by itself once it can.
    pub fn shutdown(&self, within: Duration) -> Result<(), StillRunning> {
        self.0.shut_down(within)
    }
}

impl Inner {
    fn shut_down(&self, within: Duration) -> Result<(), StillRunning> {
        const A_DAY: Duration = Duration::from_secs(86_400);
        let within = match is_on_event_loop() {
            true => Duration::ZERO,
            false => within.min(A_DAY),
        };
        let deadline = Instant::now() + within;
        self.loops.stop();
        let loops = self.loops.wait(deadline);
        let left = || deadline.saturating_duration_since(Instant::now());
        let has_returned = self.pools.finish(left());
        if loops > 0 || !has_returned {
            let init = !has_returned;
            return Err(StillRunning { loops, init });
        }
        let patience = LAST_LINES.min(left());
        if let Some(key_log) = &self.key_log {
            key_log.finish(patience);
        }
        if let Some(log) = &self.loader.services().log {
            log.finish(patience);
        }
        Ok(())
    }

    /// The mailbox of the loop for a stream: in [fair turns](fair_turn), for they cost about the same. Where it shares a port
    /// that only one loop can take from, such as a TCP listener's, it is with the others on that.
    fn mailbox_for(&self, bind_options: &BindOptions) -> &Arc<Mailbox> {
        let is_anywhere = self.loops.share_ports() && !bind_options.tcp.listens();
        let number = match &bind_options.port_range {
            _ if !bind_options.single_port || is_anywhere => fair_turn(
                self.next.fetch_add(1, Ordering::Relaxed),
                self.loops.count(),
            ),
            Some(ports) => usize::from(*ports.start()),
            None => 0,
        };
        self.loops.mailbox(number)
    }
}

/// Whose turn it is at this number, of so many: all have about as many turns, also of every second number, every third,
/// and so on, where a program opens streams of several kinds by turns. Multiples of the golden section spread evenly over
/// a circle, and so do those of each kind (Knuth, The Art of Computer Programming, 6.4: Fibonacci hashing).
fn fair_turn(number: usize, count: usize) -> usize {
    const GOLDEN_SECTION: u64 = 0x9E37_79B9_7F4A_7C15; // of 2⁶⁴
    let place = (number as u64).wrapping_mul(GOLDEN_SECTION) >> 32;
    ((place * count as u64) >> 32) as usize
}

/// The STUN servers that the sockets of a stream ask for all that share them; they are its own no more.
fn shared_stun(settings: &mut Settings, bind_options: &BindOptions) -> Vec<StunServer> {
    if !bind_options.single_port {
        return Vec::new();
    }
    let servers = Arc::clone(&settings.servers);
    settings.servers = Arc::new(Servers {
        stun: Vec::new(),
        ..Servers::clone(&servers)
    });
    servers.stun.clone()
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Where the process ends, a loop may wait for that in a call into a plugin.
        if self.made_in.is_another_process() || ending::has_begun() {
            return;
        }
        match self.shut_down(PATIENCE) {
            Err(still) if !is_on_event_loop() => tracing::error!("a host was dropped: {still}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_each_kind_are_spread_evenly_however_many_kinds_a_program_opens_by_turns() {
        for count in 1..=8 {
            for kinds in 1..=6 {
                for kind in 0..kinds {
                    let mut turns = vec![0_usize; count];
                    for number in (kind..256 * kinds).step_by(kinds) {
                        turns[fair_turn(number, count)] += 1;
                    }
                    let apart = turns.iter().max().copied().unwrap_or_default()
                        - turns.iter().min().copied().unwrap_or_default();
                    assert!(apart <= 6, "{count} loops, {kinds} kinds: {turns:?}");
                }
            }
        }
    }
}
