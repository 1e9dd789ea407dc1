//! A stream as the program has it that opened it.
use crate::net::StreamRef;
use crate::plugin::Plugin;
use std::ops::Deref;
use std::sync::Arc;

/// A stream that runs. Dropping this stops the stream and waits for nothing: the
/// [`Application`](crate::Application) hears of the end, [`Stopped`](crate::stream::Notification::Stopped) last.
///
/// What can be done with a stream is said at [`StreamRef`], which this can be used as.
#[derive(Debug)]
pub struct StreamHandle {
    stream: StreamRef,
    plugin: Arc<Plugin>,
    is_detached: bool,
}

impl StreamHandle {
    pub(crate) fn new(stream: StreamRef, plugin: Arc<Plugin>) -> Self {
        Self {
            stream,
            plugin,
            is_detached: false,
        }
    }

    /// The plugin that shakes hands for this stream.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Lets the stream run without its handle: until it is stopped or its host ends. A server's streams do.
    pub fn detach(mut self) -> StreamRef {
        self.is_detached = true;
        self.stream.clone()
    }

    /// A reference that does not keep the stream, for other threads and other streams' applications.
    pub fn downgrade(&self) -> StreamRef {
        self.stream.clone()
    }
}

impl Deref for StreamHandle {
    type Target = StreamRef;

    fn deref(&self) -> &StreamRef {
        &self.stream
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        if !self.is_detached {
            self.stream.stop();
        }
    }
}
