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
    pub(crate) stream: StreamRef,
    pub(crate) plugin: Arc<Plugin>,
}

impl StreamHandle {
    /// The plugin that shakes hands for this stream.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
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
        self.stream.stop();
    }
}
