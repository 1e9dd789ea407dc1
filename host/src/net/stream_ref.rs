//! A stream as any thread may reach it.
use super::inbox::Inbox;
use super::keys::StreamKey;
use super::mailbox::Mailbox;
use crate::stream::Message;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Sends messages and datagrams to a stream, from any thread. It does not keep the stream: that runs until it is
/// [stopped](Self::stop), its [`StreamHandle`](crate::StreamHandle) is dropped, or its host ends.
///
/// Nothing here waits but [`flush`](Self::flush). Cloning is cheap.
#[derive(Clone)]
pub struct StreamRef(Arc<Inbox>);

/// Why a stream takes no message or datagram. It never hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// As much as it may waits for the stream already: see [`StreamRef::send`] and [`StreamRef::send_payload`].
    #[error("the event loop has not taken what was sent before: flush, then send it again")]
    Full,
    /// The stream has ended.
    #[error("the stream has ended: open another stream")]
    Ended,
    /// The host has ended, and the stream with it.
    #[error("the stream's host has ended: make another host")]
    HostEnded,
}

/// What waits for a stream's event loop to take it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// How many messages.
    pub messages: usize,
    /// Bytes that the messages take, with what carries them.
    pub message_bytes: usize,
    /// How many datagrams.
    pub payloads: usize,
    /// Bytes that the datagrams take, with what carries them.
    pub payload_bytes: usize,
}

impl StreamRef {
    pub(crate) fn new(stream: StreamKey, mailbox: Arc<Mailbox>) -> Self {
        Self(Arc::new(Inbox::new(stream, mailbox)))
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.0
    }

    /// Unique among the streams of this process, and never used again.
    pub fn id(&self) -> u64 {
        self.0.stream()
    }

    /// Says something to the stream. Where the stream refuses it,
    /// [`Application::answer`](crate::Application::answer) is told.
    ///
    /// # Errors
    /// 256 KiB of messages wait already, or the stream has ended.
    pub fn send(&self, message: Message) -> Result<(), SendError> {
        self.0.put_message(None, message)
    }

    /// Says something to the stream, which answers: [`Application::answer`](crate::Application::answer) is given
    /// `number` once, whether the message was refused or not, and before the stream's last notification.
    ///
    /// # Errors
    /// As [`send`](Self::send); then there is no answer.
    pub fn send_numbered(&self, number: u64, message: Message) -> Result<(), SendError> {
        self.0.put_message(Some(number), message)
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
    ) -> Result<(), SendError> {
        self.send(Message::ExportKey {
            component_id,
            label: label.to_owned(),
            context: context.map(<[u8]>::to_vec),
            length,
        })
    }

    /// Sends a datagram to the peer, not an empty one. Where the stream cannot send it,
    /// [`CouldNotSendPayload`](crate::stream::Notification::CouldNotSendPayload) says so.
    ///
    /// # Errors
    /// 1 MiB of datagrams wait already, or 64 KiB while 16 MiB wait for all streams of the event loop, each counted
    /// with what carries it; or the stream has ended.
    pub fn send_payload(&self, component_id: u16, datagram: &[u8]) -> Result<(), SendError> {
        self.0.put_datagram(component_id, datagram)
    }

    /// Waits until the event loop has done with all that was sent before. Within a callback of the
    /// [`Application`](crate::Application), on the loop's own thread, it returns at once. Callbacks of two
    /// event loops that flush each other's streams wait for ever: in a callback flush its own stream only.
    ///
    /// # Errors
    /// The stream has ended.
    pub fn flush(&self) -> Result<(), SendError> {
        if self.0.mailbox().is_on_its_thread() {
            return Ok(());
        }
        let (done, wait) = sync_channel(0);
        self.0.put_flush(done)?;
        // It is dropped at the end of the turn, or with the stream.
        let _ = wait.recv();
        Ok(())
    }

    /// Stops the stream once it has taken what waits, as dropping its [`StreamHandle`](crate::StreamHandle) does. There
    /// is always room for this.
    pub fn stop(&self) {
        self.0.put_stop();
    }

    /// What waits for the event loop to take it.
    pub fn queued(&self) -> Queued {
        self.0.queued()
    }

    /// Whether the stream has ended: it takes nothing more.
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }
}

impl fmt::Debug for StreamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamRef").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::inbox::{Item, Mail};
    use crate::net::mailbox::tests::mailbox;

    #[test]
    fn a_flush_waits_until_it_was_taken() {
        let (_poll, mailbox) = mailbox();
        let stream = StreamRef::new(1, Arc::clone(&mailbox));
        let waiting = stream.clone();
        let flush = std::thread::spawn(move || waiting.flush());
        let mut mail = Mail::default();
        while mail.items.is_empty() {
            stream.inbox().take(&mut mail);
            std::thread::yield_now();
        }
        assert!(matches!(mail.items[..], [Item::Flush(_)]));
        assert!(!flush.is_finished());
        mail.clear();
        assert_eq!(flush.join().expect("it does not panic"), Ok(()));
        // On the loop's own thread it would wait for itself.
        mailbox.note_thread();
        assert_eq!(stream.flush(), Ok(()));
        stream.inbox().close();
        let flush = std::thread::spawn(move || stream.flush());
        let flushed = flush.join().expect("it does not panic");
        assert_eq!(flushed, Err(SendError::Ended));
    }
}
