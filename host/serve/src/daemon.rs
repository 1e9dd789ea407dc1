//! What the daemon can be asked to do, whoever asks.
use crate::admission::{Admission, Busy, Load};
use crate::config::{Config, ConfigErrors, Log};
use crate::metrics::{Metrics, Observed};
use crate::news::{News, Newsroom};
use crate::outbox::{Budget, Outbox};
use crate::plugins::{self, Keeper, Policy, Shelf, Unavailable, Watcher};
use crate::request::Open;
use crate::settings::{Settings, SettingsError};
use crate::streams::{Entry, NameError, Reporter, Streams};
use crate::takeover::{Giving, Listeners, NotGiven, Offer};
use crate::trust::{Trust, TrustError};
use handclasp::ice::Announced;
use handclasp::{Host, OpenError, StreamOptions};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// The daemon, apart from whoever asks it.
pub(crate) struct Daemon {
    host: Host,
    pub(crate) streams: Arc<Streams>,
    pub(crate) newsroom: Arc<Newsroom>,
    metrics: Arc<Metrics>,
    shelf: Arc<Shelf>,
    keeper: Arc<Keeper>,
    watcher: Watcher,
    settings: RwLock<Arc<Settings>>,
    config: Arc<Mutex<Config>>,
    admission: Mutex<Admission>,
    started: Instant,
    is_draining: AtomicBool,
    /// It is to drain, or to end.
    told: Notify,
    is_ending: AtomicBool,
    pub(crate) giving: Giving,
    /// The daemon whose place this one has taken.
    predecessor: Option<u32>,
    /// All streams have ended.
    over: watch::Sender<bool>,
    budget: Arc<Budget>,
    set_log: fn(&Log),
}

/// What a daemon is made of.
pub(crate) struct Parts {
    pub(crate) host: Host,
    pub(crate) streams: Arc<Streams>,
    pub(crate) newsroom: Arc<Newsroom>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) watcher: Watcher,
    pub(crate) settings: Settings,
    pub(crate) config: Arc<Mutex<Config>>,
    /// What waits on all connections.
    pub(crate) budget: Arc<Budget>,
    pub(crate) set_log: fn(&Log),
    pub(crate) listeners: Listeners,
    pub(crate) predecessor: Option<u32>,
}

/// What reading the configuration again has come to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Reloaded {
    /// The keys that have new values.
    changed: Vec<String>,
    /// One sentence for each key whose new value is not in force before a restart.
    restart_needed: Vec<String>,
    /// New generations: id and number.
    loaded: Vec<(String, u64)>,
    /// Ids whose files are gone.
    retired: Vec<String>,
}

/// Why not all is in force that was to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the configuration is in force, but not these plugins: {}", .0.join("; "))]
    Plugins(Vec<String>),
    #[error("the daemon ends")]
    Ending,
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the daemon opens no streams any more: it ends once those it has have ended")]
    Draining,
    #[error(
        "another daemon has taken over: connect to the control socket again, and open the stream there"
    )]
    TakenOver,
    #[error("{}: try again in {:.1} s", .0.reason, .0.retry_after.as_secs_f64())]
    Busy(Busy),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Plugin(#[from] Unavailable),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{field} is a number of seconds, from 0.001 to 86400: correct it, or leave it out")]
    Seconds { field: &'static str },
}

impl Refused {
    /// For programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::TakenOver => "taken_over",
            Self::Busy(busy) => busy.kind,
            Self::Name(NameError::Taken(_)) => "name_taken",
            Self::Name(NameError::Form) | Self::Seconds { .. } => "options",
            Self::Plugin(_) => "plugin",
            Self::Open(OpenError::Full) => "full",
            Self::Open(OpenError::ShutDown) => "draining",
            Self::Open(OpenError::Plugin(_) | OpenError::Stuck { .. }) => "plugin",
            Self::Open(_) => "options",
        }
    }

    /// When it may be worth asking again, if it may.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(busy) => Some(busy.retry_after),
            Self::Open(OpenError::Full) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// The daemon as operators see it.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    version: &'static str,
    process: u32,
    /// Since it was started.
    seconds: f64,
    streams: usize,
    half_open: usize,
    draining: bool,
    /// The process that this one has taken over from, as long as that has streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    predecessor: Option<u32>,
}

/// Who opens a stream.
pub(crate) struct Opener<'a> {
    /// Its connection's number.
    pub(crate) client: u64,
    pub(crate) outbox: Option<&'a Arc<Outbox>>,
    /// How many streams of this connection's run.
    pub(crate) streams: usize,
}

/// How long a daemon that was taken over from may say nothing; it does every second.
const SILENCE: Duration = Duration::from_secs(5);

impl Daemon {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = Instant::now();
        Self {
            host: parts.host,
            streams: parts.streams,
            newsroom: parts.newsroom,
            metrics: parts.metrics,
            shelf: parts.shelf,
            keeper: parts.keeper,
            watcher: parts.watcher,
            settings: RwLock::new(Arc::new(parts.settings)),
            config: parts.config,
            admission: Mutex::new(Admission::new(now)),
            started: now,
            is_draining: AtomicBool::new(false),
            told: Notify::new(),
            is_ending: AtomicBool::new(false),
            giving: Giving::new(parts.listeners),
            predecessor: parts.predecessor,
            over: watch::channel(false).0,
            budget: parts.budget,
            set_log: parts.set_log,
        }
    }

    /// Opens a stream. `opened` is told of it before the first event of it is; it waits for nothing.
    pub(crate) fn open(
        &self,
        open: &Open,
        opener: &Opener<'_>,
        opened: impl FnOnce(&Entry),
    ) -> Result<Arc<Entry>, Refused> {
        let entry = self.try_open(open, opener, opened);
        if let Err(refused) = &entry {
            self.metrics.refused(refused.kind());
            self.newsroom.tell(News::OpenRefused {
                kind: refused.kind(),
                reason: refused.to_string(),
            });
        }
        entry
    }

    fn try_open(
        &self,
        open: &Open,
        opener: &Opener<'_>,
        opened: impl FnOnce(&Entry),
    ) -> Result<Arc<Entry>, Refused> {
        if self.giving.is_given() {
            return Err(Refused::TakenOver);
        }
        if self.is_draining() {
            return Err(Refused::Draining);
        }
        let settings = self.settings();
        self.admit(&settings, opener)?;
        let id = open.plugin.as_deref().unwrap_or(&settings.default_plugin);
        let name = self.streams.name(open.name.as_deref())?;
        let generation = self.shelf.choose(id)?;
        let own = settings.plugins.get(id).and_then(|own| own.max_streams);
        if let Some(most) = own
            && self.shelf.running(id) >= most as usize
        {
            return Err(Refused::Busy(Busy {
                kind: "plugin_streams",
                reason: format!(
                    "{most} streams of plugin {id} run, as many as plugin.{id}.max-streams allows"
                ),
                retry_after: Duration::from_secs(5),
            }));
        }
        let options = options(&settings, id, open)?;
        let plugin = Arc::clone(&generation.plugin);
        let components = open.components.unwrap_or(1);
        let entry = Arc::new(Entry::new(
            name,
            generation,
            components,
            open,
            opener.client,
        ));
        self.streams.insert(&entry)?;
        let reporter = Reporter::new(Arc::clone(&entry), Arc::clone(&self.streams));
        let handle = self.host.open_with(&plugin, options, reporter)?;
        opened(&entry);
        entry.start(handle.detach(), opener.outbox);
        Ok(entry)
    }

    fn admit(&self, settings: &Settings, opener: &Opener<'_>) -> Result<(), Refused> {
        let load = Load {
            streams: self.streams.len(),
            streams_of_client: opener.streams,
            half_open: self.streams.half_open(),
            lag: self.lag(),
        };
        let mut admission = self
            .admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let admitted = admission.admit(Instant::now(), &settings.limits, load);
        admitted.map_err(Refused::Busy)
    }

    /// How late the latest event loop is.
    fn lag(&self) -> Duration {
        let lags = self.host.loops().into_iter().map(|state| state.lag);
        lags.max().unwrap_or_default()
    }

    /// Whether all event loops turn, and those of the daemon that this one has taken over from.
    pub(crate) fn is_alive(&self) -> bool {
        self.turns() && self.silent_predecessor().is_none()
    }

    /// Whether all event loops turn.
    pub(crate) fn turns(&self) -> bool {
        self.host.loops().iter().all(|state| !state.is_stuck)
    }

    /// The process that this one has taken over from, if that passes nothing on, for it does not turn.
    pub(crate) fn silent_predecessor(&self) -> Option<u32> {
        let silence = self.host.takeover().silence;
        self.predecessor.filter(|_| silence > SILENCE)
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&settings)
    }

    /// For streams that are opened from now on.
    fn set_settings(&self, settings: Settings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn plugins_status(&self) -> Vec<plugins::Report> {
        self.shelf
            .status()
            .iter()
            .map(plugins::Report::of)
            .collect()
    }

    /// The daemon as a whole.
    pub(crate) fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION"),
            process: std::process::id(),
            seconds: self.started.elapsed().as_secs_f64(),
            streams: self.streams.len(),
            half_open: self.streams.half_open(),
            draining: self.is_draining(),
            predecessor: self.predecessor(),
        }
    }

    /// The process that this one has taken over from, as long as that has streams.
    pub(crate) fn predecessor(&self) -> Option<u32> {
        let is_there = self.host.takeover().has_predecessor;
        self.predecessor.filter(|_| is_there)
    }

    /// All metrics, as Prometheus reads them, with so many connections to the control socket and bytes that wait there;
    /// may take as long as reading some files of the system's does.
    pub(crate) fn metrics(
        &self,
        connections: usize,
        waiting_bytes: usize,
    ) -> prometheus::Result<String> {
        let entries = self.streams.all().into_iter();
        let streams: Vec<_> = entries
            .filter(|entry| entry.has_begun())
            .map(|entry| (Arc::clone(&entry.generation), entry.state()))
            .collect();
        self.metrics.observe(&Observed {
            host: &self.host,
            plugins: &self.shelf.status(),
            streams: &streams,
            half_open: self.streams.half_open(),
            is_draining: self.is_draining(),
            has_predecessor: self.predecessor().is_some(),
            connections,
            waiting_bytes,
        });
        // Series of generations that end with this look are gone by then.
        drop(streams);
        self.metrics.text()
    }

    /// Reads the configuration again, all of it or nothing, and looks at all plugins again; may take as long as that
    /// does. Streams that run notice nothing.
    ///
    /// # Errors
    /// What is wrong, and then nothing has changed; or which plugins are not used.
    pub(crate) fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut reloaded = Reloaded::default();
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = config.file() {
            let new = Config::load(file)?;
            new.check_files()?;
            let settings = Settings::of(&new)?;
            let policy = Policy {
                trust: Arc::new(Trust::load(&new)?),
                canary: settings.canary,
            };
            let changes = config.changes(&new);
            reloaded.changed = changes.reloaded;
            let restart = changes.restart.iter().map(ToString::to_string);
            reloaded.restart_needed = restart.collect();
            new.warnings()
                .iter()
                .for_each(|warning| tracing::warn!("{warning}"));
            self.set_settings(settings);
            self.budget.set_most(new.limits.event_memory);
            self.keeper.set_policy(policy);
            (self.set_log)(&new.log);
            *config = new;
        }
        drop(config);
        let looked = self.watcher.look().ok_or(ReloadError::Ending)?;
        self.newsroom.tell(News::Reloaded {
            restart_needed: reloaded.restart_needed.clone(),
        });
        (reloaded.loaded, reloaded.retired) = (looked.loaded, looked.retired);
        match looked.refused.is_empty() {
            true => Ok(reloaded),
            false => Err(ReloadError::Plugins(looked.refused)),
        }
    }

    /// What is announced may have changed.
    pub(crate) fn announce(&self, announced: Result<Vec<Announced>, SettingsError>) {
        let settings = self.settings();
        match announced {
            Ok(announced) if announced != settings.announced => {
                tracing::info!(
                    "the names that are announced have other addresses now: {announced:?}"
                );
                self.set_settings(Settings {
                    announced,
                    ..(*settings).clone()
                });
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("{error}; the last address is kept"),
        }
    }

    /// Returns whether there is such a plugin.
    pub(crate) fn quarantine(&self, id: &str, reason: Option<&str>) -> bool {
        let reason = reason.unwrap_or("an operator has said so").to_owned();
        let is_there = self.shelf.quarantine(id, reason.clone());
        if is_there {
            let id = id.to_owned();
            self.newsroom.tell(News::PluginQuarantined { id, reason });
        }
        is_there
    }

    /// Returns whether it was in quarantine.
    pub(crate) fn release(&self, id: &str) -> bool {
        let was = self.shelf.release(id);
        if was {
            self.newsroom
                .tell(News::PluginReleased { id: id.to_owned() });
        }
        was
    }

    /// No stream is opened any more, and the daemon ends with its last one.
    pub(crate) fn drain(&self) {
        if !self.is_draining.swap(true, Ordering::Relaxed) {
            self.newsroom.tell(News::Draining);
        }
        self.told.notify_waiters();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// What another daemon needs in order to take over, and the number of the offer; waits for the event loops.
    pub(crate) fn offer(&self) -> Result<(Offer, u64), NotGiven> {
        if self.is_ending() {
            return Err(NotGiven::Ending);
        }
        match self.predecessor() {
            Some(predecessor) => Err(NotGiven::HasPredecessor(predecessor)),
            None => self.giving.offer(&self.host),
        }
    }

    /// Says what became of datagrams that were another daemon's.
    pub(crate) fn log_passed(&self) {
        let arrivals = self.host.arrivals();
        tracing::info!(
            "{} datagrams were passed on to the daemon that has taken over, and {} not, for want of room",
            arrivals.passed_on,
            arrivals.not_passed_on
        );
    }

    /// Another daemon has taken over for good; here is where this one takes connections from now on.
    pub(crate) fn taken_over(&self, socket: Option<PathBuf>) {
        self.watcher.stop();
        self.is_draining.store(true, Ordering::Relaxed);
        self.newsroom.tell(News::TakenOver { socket });
    }

    /// The daemon ends now.
    pub(crate) fn end(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.is_ending.store(true, Ordering::Relaxed);
        self.told.notify_waiters();
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Returns once it was told to drain or to end since.
    pub(crate) async fn told(&self) {
        self.told.notified().await;
    }

    /// All streams have ended: connections close once what waits is written.
    pub(crate) fn close_connections(&self) {
        self.over.send_replace(true);
    }

    /// Returns once connections are to close.
    pub(crate) async fn over(&self) {
        let mut over = self.over.subscribe();
        let _ = over.wait_for(|over| *over).await; // its sender is here
    }

    /// Stops all streams, and waits until each has told its end, so long at most.
    pub(crate) fn shut_down(&self, within: Duration) -> Result<(), handclasp::StillRunning> {
        self.host.shutdown(within)
    }
}

/// What to do about a daemon that was taken over from and does not turn.
pub(crate) fn silence_of(process: u32) -> String {
    format!(
        "process {process}, which this daemon has taken over from, does not turn, and what arrives for this one's \
         streams waits there: end it"
    )
}

/// What a stream is opened with: what was asked for, and as configured what was not.
fn options(settings: &Settings, id: &str, open: &Open) -> Result<StreamOptions, Refused> {
    let seconds = |field, given: Option<f64>, configured: Duration| match given {
        None => Ok(configured),
        Some(seconds) => {
            Duration::try_from_secs_f64(seconds).map_err(|_| Refused::Seconds { field })
        }
    };
    let timeouts = settings.timeouts;
    let own = settings.plugins.get(id);
    let init = own
        .and_then(|own| own.init_timeout)
        .unwrap_or(timeouts.init);
    let handshake = own.and_then(|own| own.handshake_timeout);
    let handshake = handshake.unwrap_or(timeouts.handshake);
    let mut options = settings
        .stream_options(open.own_ports, id, open.options.keys().map(String::as_str))
        .controlling(open.controlling)
        .init_timeout(seconds("init_timeout", open.init_timeout, init)?)
        .handshake_timeout(seconds(
            "handshake_timeout",
            open.handshake_timeout,
            handshake,
        )?)
        .ice_timeout(seconds("ice_timeout", open.ice_timeout, timeouts.ice)?);
    for (key, value) in &open.options {
        for text in value.texts() {
            options = options.plugin_option(key, text);
        }
    }
    if let Some(components) = open.components {
        options = options.components(components);
    }
    if let Some(mtu) = open.mtu {
        options = options.mtu(mtu);
    }
    if let Some(ice_lite) = open.ice_lite {
        options = options.ice_lite(ice_lite);
    }
    if let Some(hide) = open.hide_addresses {
        options = options.hide_addresses(hide);
    }
    Ok(options)
}
