//! What a host hands to an event loop.
use super::addresses::bind::BindOptions;
use super::guarded::Guarded;
use super::loss::Loss;
use crate::ice::StunServer;
use crate::plugin::Plugin;
use crate::stream::Stream;
use crate::trace::Recorder;
use rustls::ClientConfig;
use std::fmt;
use std::sync::Arc;

/// A stream for a loop to take over.
pub(crate) struct NewStream {
    pub(crate) stream: Stream,
    /// Whose instances shake hands.
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) application: Guarded,
    pub(crate) bind_options: BindOptions,
    /// STUN servers that its shared sockets ask.
    pub(crate) stun: Vec<StunServer>,
    pub(crate) loss: Option<Loss>,
    /// Whom relays over TLS must be; needed if there is one.
    pub(crate) trust: Option<Arc<ClientConfig>>,
    pub(crate) recorder: Option<Recorder>,
}

impl fmt::Debug for NewStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewStream")
            .field("stream", &self.stream.id())
            .finish_non_exhaustive()
    }
}
