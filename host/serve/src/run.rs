//! The daemon from its start to its end.
use crate::config::{Config, ConfigErrors, Log, NoRuntimeDirectory, SecretError};
use crate::control::{Connections, ControlSocket, SocketError, serve_tcp, serve_unix};
use crate::daemon::{Daemon, Parts};
use crate::http::{self, Site};
use crate::metrics::Metrics;
use crate::news::Newsroom;
use crate::outbox::Budget;
use crate::plugins::{Keeper, Policy, Shelf, Watched, Watcher};
use crate::port_holder;
use crate::settings::{Settings, SettingsError};
use crate::streams::Streams;
use crate::systemd;
use crate::trust::{Trust, TrustError};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::{Host, HostError, HostOptions, StillRunning, plugin};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

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
    socket: ControlSocket,
    /// With the token that connections must show.
    tcp: Option<(std::net::TcpListener, Arc<str>)>,
    http: Option<std::net::TcpListener>,
    connections: Arc<Connections>,
    reopen_logs: fn(),
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
        let tcp = listen_at(&config)?;
        let http = listen_for_http(&config)?;
        let socket = match systemd::control_socket() {
            Some(listener) => ControlSocket::inherited(listener, socket_path.clone()),
            None => ControlSocket::bind(&socket_path, config.control.mode, group)?,
        };
        let path = SearchPath::from_dirs(config.plugins.directories.clone())?;
        let directories = path.directories().map(Path::to_owned).collect();
        let mut options = HostOptions::new(path)
            .scanner(start.scanner)
            .measure_calls(true);
        if let Some(loops) = config.listen.loops {
            options = options.loops(loops);
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
        let daemon = Daemon::new(Parts {
            host,
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
        });
        tracing::info!(
            "handclasp {} serves {} after {:.0} ms",
            env!("CARGO_PKG_VERSION"),
            socket_path.display(),
            began.elapsed().as_secs_f64() * 1e3
        );
        Ok(Self {
            daemon: Arc::new(daemon),
            config,
            socket,
            tcp,
            http,
            connections: Arc::new(connections),
            reopen_logs: start.reopen_logs,
        })
    }

    async fn run(mut self) -> Result<(), ServeError> {
        if let Some((listener, token)) = self.tcp.take() {
            let listener = TcpListener::from_std(listener)?;
            let (daemon, connections) = (Arc::clone(&self.daemon), Arc::clone(&self.connections));
            tokio::spawn(serve_tcp(listener, token, daemon, connections));
        }
        let (daemon, connections) = (Arc::clone(&self.daemon), Arc::clone(&self.connections));
        if let Some(listener) = self.http.take() {
            let site = Site::new(Arc::clone(&daemon), Arc::clone(&connections));
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(http::serve(listener, Arc::new(site)));
        }
        if let Some(every) = systemd::watchdog() {
            tokio::spawn(feed(Arc::clone(&self.daemon), every));
        }
        let names = tokio::spawn(look_up(Arc::clone(&self.daemon), Arc::clone(&self.config)));
        let ended = tokio::select! {
            served = serve_unix(&self.socket, daemon, connections) => served.map_err(ServeError::from),
            ended = self.until_end() => ended,
        };
        names.abort();
        self.daemon.end(); // also where a signal has asked for it
        systemd::stopping();
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

    /// Returns once all streams are to end.
    async fn until_end(&self) -> Result<(), ServeError> {
        let mut signals = Signals::new()?;
        systemd::ready(&format!("control socket {}", self.socket.path().display()));
        loop {
            let asked = tokio::select! {
                asked = signals.next() => asked,
                () = self.daemon.told() => None,
            };
            match asked {
                Some(Asked::End) => return Ok(()),
                Some(Asked::Drain) => self.daemon.drain(),
                Some(Asked::Reload) => self.reload().await,
                Some(Asked::ReopenLogs) => (self.reopen_logs)(),
                None => {}
            }
            if self.daemon.is_ending() {
                return Ok(());
            }
            if self.daemon.is_draining() {
                return self.drain(&mut signals).await;
            }
        }
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

    /// Waits for the last stream, as long as is configured; a second signal ends that.
    async fn drain(&self, signals: &mut Signals) -> Result<(), ServeError> {
        let patience = self.daemon.settings().timeouts.drain;
        let deadline = sleep(patience);
        tokio::pin!(deadline);
        systemd::draining(patience);
        while self.daemon.streams.len() > 0 {
            tokio::select! {
                () = self.daemon.streams.one_has_ended() => {}
                () = sleep(Duration::from_millis(100)) => {} // one may have ended before this listened
                () = &mut deadline => {
                    let left = self.daemon.streams.len();
                    tracing::warn!("{left} streams still ran {} s after draining began: they are stopped", patience.as_secs());
                    return Ok(());
                }
                asked = signals.next() => match asked {
                    Some(Asked::ReopenLogs) => (self.reopen_logs)(),
                    Some(Asked::Reload) | None => {}
                    Some(Asked::End | Asked::Drain) => return Ok(()),
                },
                () = self.daemon.told() => {}
            }
            if self.daemon.is_ending() {
                break;
            }
        }
        Ok(())
    }
}

/// How long what controllers were told last may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a signal asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    End,
    Drain,
    Reload,
    ReopenLogs,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Option<Asked> {
        tokio::select! {
            _ = self.terminate.recv() => Some(Asked::End),
            _ = self.interrupt.recv() => Some(Asked::End),
            _ = self.quit.recv() => Some(Asked::Drain),
            _ = self.hang_up.recv() => Some(Asked::Reload),
            _ = self.user.recv() => Some(Asked::ReopenLogs),
        }
    }
}

/// Feeds the watchdog as long as all event loops turn, and this runs.
async fn feed(daemon: Arc<Daemon>, every: Duration) {
    loop {
        if daemon.is_alive() {
            systemd::alive();
        }
        sleep(every).await;
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

/// Binds the port that all streams share.
fn bind(host: &Host, settings: &Settings, port: u16) -> Result<(), ServeError> {
    let taken = || {
        let by = match port_holder::holder(port) {
            Some((process, name)) => format!(" by {name}, process {process}"),
            None => String::new(),
        };
        ServeError::Port {
            reason: format!("UDP port {port} is in use{by}: end that, or set another one"),
        }
    };
    let none = std::iter::empty();
    let bound = host.bind_shared(&settings.stream_options(false, "none", none));
    let bound = bound.map_err(|error| match port_holder::holder(port) {
        Some(_) => taken(),
        None => ServeError::Port {
            reason: error.to_string(),
        },
    })?;
    match bound.iter().find(|address| address.port() != port) {
        Some(_) => Err(taken()),
        None => Ok(()),
    }
}

/// Where controllers connect over TCP, and the token that they must show.
fn listen_at(config: &Config) -> Result<Option<(std::net::TcpListener, Arc<str>)>, ServeError> {
    let (Some(address), Some(token)) = (config.control.tcp, config.control.token()?) else {
        return Ok(None);
    };
    let listener = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = listener.map_err(|error| ServeError::Tcp { address, error })?;
    Ok(Some((listener, Arc::from(token.as_str()))))
}

/// Where metrics and health are served, if they are.
fn listen_for_http(config: &Config) -> Result<Option<std::net::TcpListener>, ServeError> {
    let Some(address) = config.metrics.listen else {
        return Ok(None);
    };
    let listener = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = listener.map_err(|error| ServeError::Metrics { address, error })?;
    tracing::info!("metrics and health are at http://{address}/");
    Ok(Some(listener))
}

/// The number of a group of users.
fn group(name: &str) -> Result<u32, ServeError> {
    let groups = std::fs::read_to_string("/etc/group")?;
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    });
    let number = found.or_else(|| name.parse().ok());
    number.ok_or_else(|| {
        ServeError::Socket(SocketError::Group {
            path: PathBuf::from(name),
            error: io::Error::new(io::ErrorKind::NotFound, "there is no such group"),
        })
    })
}
