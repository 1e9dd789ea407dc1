//! What happens to the daemon as a whole, for its log, its metrics and those who subscribe to it.
use serde::{Serialize, Serializer};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Something that has happened. As JSON it is an event, told by its field `event`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum News {
    /// A file has become a generation.
    GenerationLoaded {
        #[serde(rename = "plugin")]
        id: String,
        generation: u64,
        version: String,
        sha256: String,
        file: PathBuf,
        /// Whether it is tried with a share of the opens first.
        #[serde(rename = "canary")]
        is_canary: bool,
    },
    /// The last stream of a generation that opens do not get any more has ended.
    GenerationEnded {
        #[serde(rename = "plugin")]
        id: String,
        generation: u64,
    },
    /// A file is not used.
    PluginRefused {
        #[serde(rename = "plugin", skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        file: PathBuf,
        reason: String,
    },
    /// A plugin's file is gone.
    PluginRetired {
        #[serde(rename = "plugin")]
        id: String,
        file: PathBuf,
    },
    /// A canary has done as well as the generation before it.
    CanaryPromoted {
        #[serde(rename = "plugin")]
        id: String,
        generation: u64,
    },
    /// A canary has done worse.
    CanaryWentBack {
        #[serde(rename = "plugin")]
        id: String,
        generation: u64,
        reason: String,
    },
    /// An operator has a plugin refused.
    PluginQuarantined {
        #[serde(rename = "plugin")]
        id: String,
        reason: String,
    },
    /// An operator lets it be used again.
    PluginReleased {
        #[serde(rename = "plugin")]
        id: String,
    },
    /// A stream was opened.
    StreamOpened {
        #[serde(serialize_with = "text")]
        stream: Arc<str>,
        #[serde(rename = "plugin")]
        id: String,
        generation: u64,
    },
    /// All components of a stream are ready.
    StreamReady {
        #[serde(serialize_with = "text")]
        stream: Arc<str>,
        seconds: f64,
    },
    /// A component of a stream has failed.
    StreamFailed {
        #[serde(serialize_with = "text")]
        stream: Arc<str>,
        component_id: u16,
        kind: &'static str,
        reason: String,
    },
    /// A stream has ended.
    StreamEnded {
        #[serde(serialize_with = "text")]
        stream: Arc<str>,
    },
    /// An open was refused.
    OpenRefused { kind: &'static str, reason: String },
    /// The configuration was read again, and is in force.
    Reloaded { restart_needed: Vec<String> },
    /// No stream is opened any more.
    Draining,
    /// Another daemon has taken this one's place: no stream is opened here any more.
    TakenOver {
        /// Where those who ask for this one's streams connect from now on.
        #[serde(skip_serializing_if = "Option::is_none")]
        socket: Option<PathBuf>,
    },
}

/// Writes a text that is shared.
pub(crate) fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl News {
    /// The name of its kind.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::GenerationLoaded { .. } => "generation_loaded",
            Self::GenerationEnded { .. } => "generation_ended",
            Self::PluginRefused { .. } => "plugin_refused",
            Self::PluginRetired { .. } => "plugin_retired",
            Self::CanaryPromoted { .. } => "canary_promoted",
            Self::CanaryWentBack { .. } => "canary_went_back",
            Self::PluginQuarantined { .. } => "plugin_quarantined",
            Self::PluginReleased { .. } => "plugin_released",
            Self::StreamOpened { .. } => "stream_opened",
            Self::StreamReady { .. } => "stream_ready",
            Self::StreamFailed { .. } => "stream_failed",
            Self::StreamEnded { .. } => "stream_ended",
            Self::OpenRefused { .. } => "open_refused",
            Self::Reloaded { .. } => "reloaded",
            Self::Draining => "draining",
            Self::TakenOver { .. } => "taken_over",
        }
    }

    fn log(&self) {
        match self {
            Self::GenerationLoaded {
                id,
                generation,
                version,
                file,
                is_canary,
                ..
            } => {
                let tried = if *is_canary {
                    ", which is tried first"
                } else {
                    ""
                };
                tracing::info!(
                    plugin = id,
                    generation,
                    "plugin {id} {version} from {} is generation {generation}{tried}",
                    file.display()
                );
            }
            Self::GenerationEnded { id, generation } => {
                tracing::info!(
                    plugin = id,
                    generation,
                    "generation {generation} of plugin {id} has ended"
                );
            }
            Self::PluginRefused { file, reason, .. } => {
                tracing::warn!(file = %file.display(), "not used: {reason}");
            }
            Self::PluginRetired { id, file } => tracing::warn!(
                plugin = id,
                "plugin {id} was removed from {}: its streams go on, and no new ones are opened",
                file.display()
            ),
            Self::CanaryPromoted { id, generation } => tracing::info!(
                plugin = id,
                generation,
                "generation {generation} of plugin {id} has done well and takes all opens"
            ),
            Self::CanaryWentBack {
                id,
                generation,
                reason,
            } => tracing::error!(
                plugin = id,
                generation,
                "generation {generation} of plugin {id} went back: {reason}; put a better file in its place"
            ),
            Self::PluginQuarantined { id, reason } => {
                tracing::warn!(plugin = id, "plugin {id} is in quarantine: {reason}");
            }
            Self::PluginReleased { id } => {
                tracing::info!(plugin = id, "plugin {id} may be used again");
            }
            Self::StreamFailed {
                stream,
                component_id,
                reason,
                ..
            } => {
                tracing::warn!(%stream, component_id, "stream {stream}, component {component_id}: {reason}");
            }
            Self::OpenRefused { reason, .. } => tracing::debug!("an open was refused: {reason}"),
            Self::StreamOpened { stream, .. }
            | Self::StreamReady { stream, .. }
            | Self::StreamEnded { stream } => {
                tracing::debug!(%stream, "{}", self.name());
            }
            Self::Reloaded { restart_needed } if restart_needed.is_empty() => {
                tracing::info!("the configuration was read again");
            }
            Self::Reloaded { restart_needed } => tracing::warn!(
                "the configuration was read again; these take effect after a restart: {}",
                restart_needed.join(", ")
            ),
            Self::Draining => tracing::info!("no stream is opened any more"),
            Self::TakenOver { .. } => {
                tracing::info!(
                    "another daemon has taken over: the streams of this one go on, and it ends with the last"
                );
            }
        }
    }
}

/// Whom news are told; false once they are not wanted any more. It is called on any thread, and waits for nothing.
type Subscriber = Box<dyn Fn(&News) -> bool + Send>;

/// Where news are told.
#[derive(Default)]
pub(crate) struct Newsroom {
    subscribers: Mutex<Vec<Subscriber>>,
}

impl Newsroom {
    pub(crate) fn tell(&self, news: News) {
        news.log();
        self.lock().retain(|subscriber| subscriber(&news));
    }

    pub(crate) fn subscribe(&self, subscriber: impl Fn(&News) -> bool + Send + 'static) {
        self.lock().push(Box::new(subscriber));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
