//! A stream as the program has it that opened it.
use crate::made_in::MadeIn;
use crate::net::StreamRef;
use crate::plugin::Plugin;
use std::ops::Deref;
use std::sync::Arc;

/// A stream that runs. Dropping this stops the stream and waits for nothing: the
/// [`Application`](crate::Application) hears of the end, [`Stopped`](crate::stream::Notification::Stopped) last.
///
/// What can be done with a stream is said at [`StreamRef`], which this can be used as.
/// Its clone is such a reference, too, and does not keep the stream.
#[derive(Debug)]
#[must_use = "dropping it stops the stream; `detach` lets it run"]
pub struct StreamHandle {
    stream: StreamRef,
    plugin: Arc<Plugin>,
    is_detached: bool,
    made_in: MadeIn,
}

impl StreamHandle {
    pub(crate) fn new(stream: StreamRef, plugin: Arc<Plugin>) -> Self {
        Self {
            stream,
            plugin,
            is_detached: false,
            made_in: MadeIn::this_process(),
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
        // In a process that was forked the locks of other threads may be held for ever.
        if !self.is_detached && !self.made_in.is_another_process() {
            self.stream.stop();
        }
    }
}
