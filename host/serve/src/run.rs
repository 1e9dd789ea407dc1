//! The daemon from its start to its end.
mod listeners;
mod signals;

use crate::config::{Config, ConfigErrors, Log, NoRuntimeDirectory, SecretError};
use crate::control::{
    Connections, ControlSocket, SocketError, serve_tcp, serve_unix, unix_listener,
};
use crate::daemon::{Daemon, Parts, silence_of};
use crate::http::{self, Site};
use crate::metrics::Metrics;
use crate::news::Newsroom;
use crate::outbox::Budget;
use crate::plugins::{Keeper, Policy, Shelf, Watched, Watcher};
use crate::settings::{Settings, SettingsError};
use crate::streams::Streams;
use crate::systemd;
use crate::takeover::{self, AskError, Claim, Estate, Listeners, Stage};
use crate::trust::{Trust, TrustError};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::{Host, HostError, HostOptions, StillRunning, plugin};
use listeners::{bind, group, listen_for_controllers, listen_for_http};
use signals::{Asked, Signals};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

/// How a daemon is started.
#[derive(Debug)]
pub struct Start {
    /// Its configuration.
    pub config: Config,
    /// What opens each plugin in another process first.
    pub scanner: Scanner,
    /// What is done when log files are to be opened again.
    pub reopen_logs: fn(),
    /// What is done when the log is to be as a new configuration wants it.
    pub set_log: fn(&Log),
    /// The control socket of a running daemon, if its place is to be taken.
    pub takeover: Option<PathBuf>,
    /// What starts another daemon that takes the place of this one.
    pub successor: fn() -> io::Result<Command>,
}

/// Why a daemon does not start, or does not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// It cannot be carried out.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The lock or a key cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Plugins cannot be looked for.
    #[error(transparent)]
    Plugins(#[from] plugin::FindError),
    /// There is no host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// There is no place for the control socket.
    #[error(transparent)]
    NoRuntimeDirectory(#[from] NoRuntimeDirectory),
    /// The control socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Control connections over TCP cannot be taken.
    #[error(
        "{address} cannot be listened at for control connections ({error}): set control.tcp to another one"
    )]
    Tcp {
        /// What was to be listened at.
        address: std::net::SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// The UDP port cannot be had.
    #[error("listen.port: {reason}")]
    Port {
        /// One sentence.
        reason: String,
    },
    /// The place of a running daemon cannot be taken.
    #[error(transparent)]
    Takeover(#[from] AskError),
    /// Metrics cannot be served.
    #[error(
        "{address} cannot be listened at for metrics ({error}): set metrics.listen to another one"
    )]
    Metrics {
        /// What was to be listened at.
        address: std::net::SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// The system refuses something else.
    #[error("the daemon cannot run ({0}): are the process's threads or open files used up?")]
    System(#[from] io::Error),
    /// Random numbers are lacking.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// Something did not end in time.
    #[error("the daemon ends before all has: {0}")]
    StillRunning(#[from] StillRunning),
}

/// Runs a daemon until it is told to end.
///
/// # Errors
/// It cannot start, or something does not end in time.
pub fn run(start: Start) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("handclasp-blocking")
        .max_blocking_threads(4)
        .build()?;
    runtime.block_on(Running::start(start)?.run())
}

struct Running {
    daemon: Arc<Daemon>,
    config: Arc<Mutex<Config>>,
    /// Until another daemon has taken over.
    socket: Option<ControlSocket>,
    /// From then on.
    own_socket: Option<ControlSocket>,
    /// That of the daemon whose place this one takes, until that is told.
    claim: Option<Claim>,
    /// The mode and the group of a control socket.
    access: (u32, Option<u32>),
    /// What connections over TCP must show.
    token: Option<Arc<str>>,
    connections: Arc<Connections>,
    /// Tasks that take connections.
    listening: JoinSet<()>,
    reopen_logs: fn(),
    successor: fn() -> io::Result<Command>,
}

/// How often names that are announced are looked up again.
const LOOK_UP: Duration = Duration::from_secs(60);

impl Running {
    fn start(start: Start) -> Result<Self, ServeError> {
        let began = Instant::now();
        let config = start.config;
        config
            .warnings()
            .iter()
            .for_each(|warning| tracing::warn!("{warning}"));
        let settings = Settings::of(&config)?;
        let socket_path = config.control.socket_path()?;
        let group = config.control.group.as_deref().map(group).transpose()?;
        let taken = start.takeover.as_deref();
        let taken = taken.map(|from| take_over(from, &socket_path, &config));
        let (inherited, claim) = taken.transpose()?.unzip();
        let (ports, listeners) = inherited
            .map(|estate| (estate.ports, estate.listeners))
            .unzip();
        let listeners: Listeners = listeners.unwrap_or_default();
        let tcp = listen_for_controllers(&config, listeners.tcp)?;
        let http = listen_for_http(&config, listeners.http)?;
        let access = (config.control.mode, group);
        let (tcp, token) = tcp.unzip();
        let socket = match (listeners.control, systemd::control_socket()) {
            (Some(listener), _) => {
                ControlSocket::taken_over(listener, socket_path.clone(), listeners.lock)
            }
            (None, Some(listener)) => ControlSocket::inherited(listener, socket_path.clone()),
            (None, None) => ControlSocket::bind(&socket_path, access.0, access.1)?,
        };
        let path = SearchPath::from_dirs(config.plugins.directories.clone())?;
        let directories = path.directories().map(Path::to_owned).collect();
        let mut options = HostOptions::new(path)
            .scanner(start.scanner)
            .measure_calls(true);
        match (ports, config.listen.loops) {
            (Some(ports), _) => options = options.take_over(ports),
            (None, Some(loops)) => options = options.loops(loops),
            (None, None) => {}
        }
        let host = Host::new(options)?;
        bind(&host, &settings, config.listen.port)?;
        let newsroom = Arc::new(Newsroom::default());
        let metrics = Arc::new(Metrics::new(config.listen.port));
        let counted = Arc::clone(&metrics);
        newsroom.subscribe(move |news| {
            counted.take(news);
            true
        });
        let shelf = Arc::new(Shelf::default());
        let streams = Arc::new(Streams::new(Arc::clone(&newsroom), Arc::clone(&metrics))?);
        let policy = Policy {
            trust: Arc::new(Trust::load(&config)?),
            canary: settings.canary,
        };
        let keeper = Keeper::new(
            host.clone(),
            Arc::clone(&shelf),
            Arc::clone(&newsroom),
            policy,
        );
        let keeper = Arc::new(keeper);
        keeper.look(false);
        let watched = Watched {
            directories,
            by_system: config.plugins.watch,
            poll: config.plugins.poll,
        };
        let watcher = Watcher::start(Arc::clone(&keeper), watched)?;
        let budget = Arc::new(Budget::new(config.limits.event_memory));
        let connections =
            Connections::new(config.control.max_connections as usize, Arc::clone(&budget));
        let config = Arc::new(Mutex::new(config));
        let (control, lock) = socket.copy()?;
        let at = |listener: std::net::TcpListener| {
            Ok::<_, io::Error>((listener.local_addr()?, listener.into()))
        };
        let listeners = Listeners {
            control: Some(control),
            lock,
            tcp: tcp.map(at).transpose()?,
            http: http.map(at).transpose()?,
        };
        let daemon = Daemon::new(Parts {
            host: host.clone(),
            streams,
            newsroom,
            metrics,
            shelf,
            keeper,
            watcher,
            settings,
            config: Arc::clone(&config),
            budget,
            set_log: start.set_log,
            listeners,
            predecessor: claim.as_ref().map(|claim| claim.process),
        });
        let mut claim = claim;
        if let Some(claim) = &mut claim {
            let (process, own) = (claim.process, claim.commit()?);
            host.confirm_takeover();
            socket.set_access(access.0, access.1)?;
            let own = own.map(|own| format!(", and are at {}", own.display()));
            let own = own.unwrap_or_default();
            tracing::info!("taken over from process {process}, whose streams go on{own}");
        }
        tracing::info!(
            "handclasp {} serves {} after {:.0} ms",
            env!("CARGO_PKG_VERSION"),
            socket_path.display(),
            began.elapsed().as_secs_f64() * 1e3
        );
        Ok(Self {
            daemon: Arc::new(daemon),
            config,
            socket: Some(socket),
            own_socket: None,
            claim,
            access,
            token,
            connections: Arc::new(connections),
            listening: JoinSet::new(),
            reopen_logs: start.reopen_logs,
            successor: start.successor,
        })
    }

    async fn run(mut self) -> Result<(), ServeError> {
        self.take_connections().await?;
        if let Some(every) = systemd::watchdog() {
            tokio::spawn(feed(Arc::clone(&self.daemon), every));
        }
        if self.claim.is_some() {
            tokio::spawn(watch_predecessor(Arc::clone(&self.daemon)));
        }
        let names = tokio::spawn(look_up(Arc::clone(&self.daemon), Arc::clone(&self.config)));
        let ended = self.until_end().await;
        names.abort();
        self.daemon.end(); // also where a signal has asked for it
        systemd::stopping();
        if self.own_socket.is_some() {
            self.daemon.log_passed();
        }
        let daemon = Arc::clone(&self.daemon);
        let within = daemon.settings().timeouts.stop;
        let stopped = tokio::task::spawn_blocking(move || daemon.shut_down(within)).await;
        // What was told last is written, as far as it is read.
        let until = Instant::now() + LAST_WORDS;
        self.daemon.close_connections();
        while self.connections.open() > 0 && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
        ended?;
        stopped.map_err(io::Error::other)?.map_err(ServeError::from)
    }

    /// Takes connections wherever the daemon listens.
    async fn take_connections(&mut self) -> io::Result<()> {
        let listeners = self.daemon.giving.listeners().await?;
        if let Some(socket) = &self.socket {
            let listener = unix_listener(socket)?;
            self.serve_controllers(listener);
        }
        let (daemon, connections) = (&self.daemon, &self.connections);
        if let (Some((_, listener)), Some(token)) = (listeners.tcp, &self.token) {
            let listener = TcpListener::from_std(listener.into())?;
            let (daemon, connections) = (Arc::clone(daemon), Arc::clone(connections));
            self.listening
                .spawn(serve_tcp(listener, Arc::clone(token), daemon, connections));
        }
        if let Some((_, listener)) = listeners.http {
            let listener = TcpListener::from_std(listener.into())?;
            let site = Site::new(Arc::clone(daemon), Arc::clone(connections));
            self.listening.spawn(http::serve(listener, Arc::new(site)));
        }
        Ok(())
    }

    fn serve_controllers(&mut self, listener: UnixListener) {
        let (daemon, connections) = (Arc::clone(&self.daemon), Arc::clone(&self.connections));
        self.listening
            .spawn(serve_unix(listener, daemon, connections));
    }

    /// Returns once all streams are to end, or have ended where the daemon drains.
    async fn until_end(&mut self) -> Result<(), ServeError> {
        let mut signals = Signals::new()?;
        let mut stages = self.daemon.giving.watch();
        let stage = self.daemon.giving.watch();
        self.say_ready();
        let claim = self.claim.take();
        let mut conclusion = claim.map(|claim| tokio::task::spawn_blocking(|| claim.ready()));
        let (mut is_draining, mut deadline) = (false, None);
        let mut given = Instant::now();
        loop {
            let asked = tokio::select! {
                asked = signals.next() => asked,
                () = self.daemon.told() => None,
                Ok(()) = stages.changed() => None,
                () = sleep_until(given.into()), if matches!(*stage.borrow(), Stage::Given(_)) => {
                    self.daemon.giving.conclude(false);
                    None
                }
                concluded = async { conclusion.as_mut().expect("it is there").await }, if conclusion.is_some() => {
                    conclusion = None;
                    concluded.map_err(io::Error::other)??;
                    if let Some(socket) = &mut self.socket {
                        socket.settle();
                    }
                    None
                }
                () = self.daemon.streams.one_has_ended(), if is_draining => None,
                () = sleep(GLANCE), if is_draining => None, // one may have ended before this listened
            };
            match asked {
                Some(Asked::End) => return Ok(()),
                Some(Asked::Drain) if is_draining => return Ok(()),
                Some(Asked::Drain) => self.daemon.drain(),
                Some(Asked::Reload) if is_draining => {}
                Some(Asked::Reload) => self.reload().await,
                Some(Asked::ReopenLogs) => (self.reopen_logs)(),
                Some(Asked::Successor) => self.start_successor(),
                None => {}
            }
            if self.daemon.is_ending() {
                return Ok(());
            }
            let stage = stages.borrow_and_update().clone();
            self.give(stage.clone()).await?;
            match stage {
                Stage::Wanted => {
                    given = Instant::now() + PATIENCE;
                    continue;
                }
                // Nobody knows yet whether it ends.
                Stage::Given(_) => continue,
                Stage::Gone(_) => (is_draining, deadline) = (true, None),
                Stage::Own | Stage::Returned => {}
            }
            if self.daemon.is_draining() && !is_draining {
                let patience = self.daemon.settings().timeouts.drain;
                systemd::draining(patience);
                (is_draining, deadline) = (true, Some((Instant::now() + patience, patience)));
            }
            if is_draining && self.daemon.streams.len() == 0 {
                return Ok(());
            }
            if let Some((at, patience)) = deadline
                && Instant::now() >= at
            {
                let left = self.daemon.streams.len();
                tracing::warn!(
                    "{left} streams still ran {} s after draining began: they are stopped",
                    patience.as_secs()
                );
                return Ok(());
            }
        }
    }

    /// Does what another daemon's taking of its place asks for.
    async fn give(&mut self, stage: Stage) -> io::Result<()> {
        match stage {
            Stage::Own | Stage::Given(_) => {}
            Stage::Wanted => {
                self.listening.shutdown().await;
                let own = self.serve_own_socket();
                self.daemon.giving.enter(Stage::Given(own));
            }
            // It had been gone before.
            Stage::Returned if self.socket.is_none() => {
                let own = self.own_path();
                self.daemon.giving.enter(Stage::Gone(own));
            }
            Stage::Returned => {
                tracing::warn!("the daemon that was about to take over is gone: all is as before");
                self.listening.shutdown().await;
                self.own_socket = None;
                self.take_connections().await?;
                self.daemon.giving.enter(Stage::Own);
            }
            Stage::Gone(own) => {
                if let Some(mut socket) = self.socket.take() {
                    systemd::fall_silent();
                    socket.give_away();
                    self.daemon.giving.close().await;
                    self.daemon.taken_over(own);
                }
            }
        }
        Ok(())
    }

    /// Takes connections at a socket that is this process's alone. Returns where that is.
    fn serve_own_socket(&mut self) -> Option<PathBuf> {
        if self.own_socket.is_none() {
            let mut path = self.socket.as_ref()?.path().as_os_str().to_owned();
            path.push(format!(".{}", std::process::id()));
            let (mode, group) = self.access;
            let own = ControlSocket::bind_own(Path::new(&path), mode, group);
            let own = own.inspect_err(|error| {
                tracing::warn!("nobody can ask for the streams that go on: {error}");
            });
            self.own_socket = own.ok();
        }
        match unix_listener(self.own_socket.as_ref()?) {
            Ok(listener) => self.serve_controllers(listener),
            Err(error) => tracing::warn!("nobody can ask for the streams that go on: {error}"),
        }
        self.own_path()
    }

    fn own_path(&self) -> Option<PathBuf> {
        let own = self.own_socket.as_ref();
        own.map(|own| own.path().to_owned())
    }

    /// Starts the program anew, as it is in its place now.
    fn start_successor(&self) {
        let started = (self.successor)().and_then(|mut command| command.spawn());
        match started {
            Ok(mut child) => {
                tracing::info!("process {} is to take over", child.id());
                let wait = move || match child.wait() {
                    Ok(status) => tracing::warn!("process {} has ended: {status}", child.id()),
                    Err(error) => tracing::warn!("process {}: {error}", child.id()),
                };
                let thread = std::thread::Builder::new().name("handclasp-child".to_owned());
                let _ = thread.spawn(wait); // without, its end is not told
            }
            Err(error) => tracing::error!("no other daemon can be started: {error}"),
        }
    }

    fn say_ready(&self) {
        let socket = self.socket.as_ref();
        let socket = socket.map(|socket| socket.path().display().to_string());
        systemd::ready(&format!("control socket {}", socket.unwrap_or_default()));
    }

    async fn reload(&self) {
        systemd::reloading();
        let daemon = Arc::clone(&self.daemon);
        let reloaded = tokio::task::spawn_blocking(move || daemon.reload()).await;
        if let Ok(Err(error)) = reloaded {
            tracing::error!("the configuration stays as it was: {error}");
        }
        systemd::ready("reloaded");
    }
}

/// How long a daemon that takes over may take from when it has all to when it is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to see whether the last stream has ended.
const GLANCE: Duration = Duration::from_millis(100);
/// How long what controllers were told last may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Feeds the watchdog as long as all event loops turn, and this runs.
async fn feed(daemon: Arc<Daemon>, every: Duration) {
    loop {
        if daemon.is_alive() {
            systemd::alive();
        }
        sleep(every).await;
    }
}

/// Tells once if the daemon that was taken over from does not turn, as long as it is there.
async fn watch_predecessor(daemon: Arc<Daemon>) {
    while daemon.predecessor().is_some() {
        sleep(Duration::from_secs(1)).await;
        if let Some(process) = daemon.silent_predecessor() {
            return tracing::error!("{}", silence_of(process));
        }
    }
}

/// Looks up the names that are announced, again and again.
async fn look_up(daemon: Arc<Daemon>, config: Arc<Mutex<Config>>) {
    loop {
        sleep(LOOK_UP).await;
        let (daemon, config) = (Arc::clone(&daemon), Arc::clone(&config));
        let _ = tokio::task::spawn_blocking(move || {
            let config = config
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if crate::settings::announces_names(&config) {
                daemon.announce(crate::settings::announced(&config));
            }
        })
        .await; // the next time, if the daemon goes on
    }
}

/// Asks the daemon at a control socket for its place, of which this one takes what its configuration has, too.
fn take_over(
    from: &Path,
    socket_path: &Path,
    config: &Config,
) -> Result<(Estate, Claim), AskError> {
    let (mut estate, claim) = takeover::ask(from)?;
    let loops = estate.ports.links.len();
    if let Some(other) = config.listen.loops.filter(|other| *other != loops) {
        tracing::warn!(
            "there are {loops} event loops, as in the daemon before, and not listen.loops = {other}"
        );
    }
    let port = config.listen.port;
    let is_same = |ports: &RangeInclusive<u16>| *ports.start() == port;
    let places = &mut estate.ports.places;
    places.retain(|place| place.ports.as_ref().is_some_and(is_same));
    if from != socket_path {
        (estate.listeners.control, estate.listeners.lock) = (None, None);
    }
    Ok((estate, claim))
}
