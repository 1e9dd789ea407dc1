//! A stream as the program has it that opened it.
use crate::net::{Outbox, PostError};
use crate::plugin::Plugin;
use crate::stream::Message;
use std::sync::Arc;

/// A stream that runs. Dropping it stops the stream.
#[derive(Debug)]
pub struct StreamHandle {
    pub(crate) outbox: Outbox,
    pub(crate) plugin: Arc<Plugin>,
}

impl StreamHandle {
    /// The plugin that shakes hands for this stream.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Says something to the stream.
    ///
    /// # Errors
    /// The event loop has fallen behind by 256 KiB of the stream's messages, or has ended.
    pub fn send(&self, message: Message) -> Result<(), PostError> {
        self.outbox.message(None, message)
    }

    /// Stops the stream, whatever waits before, as dropping this does.
    pub fn stop(&self) {
        self.outbox.stop();
    }

    /// Says something to the stream. If it is refused, [`Application::refused`](crate::Application::refused) is given `number`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_numbered(&self, number: u64, message: Message) -> Result<(), PostError> {
        self.outbox.message(Some(number), message)
    }

    /// Sends datagrams from any thread.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Asks for keying material of a component's finished handshake ([`Message::ExportKey`]): `length` bytes, which
    /// come as [`Notification::ExportedKey`](crate::stream::Notification::ExportedKey). Both sides get the same for the
    /// same label and context.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn export_key(
        &self,
        component_id: u16,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<(), PostError> {
        self.send(Message::ExportKey {
            component_id,
            label: label.to_owned(),
            context: context.map(<[u8]>::to_vec),
            length,
        })
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        self.outbox.stop();
    }
}
