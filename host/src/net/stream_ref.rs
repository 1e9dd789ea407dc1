//! A stream as any thread may reach it.
use super::inbox::Inbox;
use super::keys::StreamKey;
use super::mailbox::{Mailbox, is_on_event_loop};
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
    /// The datagram has more than 65,535 bytes, as none of UDP has.
    #[error("no datagram has more than 65,535 bytes: send it in parts")]
    TooLong,
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

    /// Asks for keying material of a component's finished handshake: `length` bytes, which come as
    /// [`Notification::ExportedKey`](crate::stream::Notification::ExportedKey). Both sides get the same for the same label
    /// and context. [`Message::ExportKey`] says which requests are refused, and what the project's plugins serve.
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

    /// Sends a datagram to the peer, over a component: 1 to as many as the stream has. As with UDP, it may be lost, come
    /// twice, or behind a later one; more than some 1,200 bytes are cut into fragments on most paths, and 65,507 are the
    /// most there can be over IPv4.
    ///
    /// Where the stream cannot send it, [`CouldNotSendPayload`](crate::stream::Notification::CouldNotSendPayload) says so:
    /// before the component is ready, and always where the peer would take it for something else (RFC 7983). So it must not
    /// be empty or a STUN message, nor begin with one of the plugin's
    /// [first bytes](crate::plugin::PluginInfo::first_bytes): for DTLS those are 20 to 63, and every ASCII digit is one of
    /// them. RTP and RTCP begin with 128 to 191; put a byte from 192 on before what is yours.
    ///
    /// # Errors
    /// What is [`Full`](SendError::Full) has room again once the event loop has turned: [`flush`](Self::flush) waits for
    /// that, and in a callback it is enough to send it in a later one.
    ///
    /// 1 MiB of datagrams wait already, or 64 KiB while 16 MiB wait for all streams of the event loop, each counted
    /// with what carries it; or the stream has ended.
    pub fn send_payload(&self, component_id: u16, datagram: &[u8]) -> Result<(), SendError> {
        self.0.put_datagram(component_id, datagram)
    }

    /// Waits until the event loop has done with all that was sent before. Within a callback of an
    /// [`Application`](crate::Application) it returns at once: event loops wait for none of their kind.
    ///
    /// # Errors
    /// The stream has ended, perhaps before it had done with all of it.
    pub fn flush(&self) -> Result<(), SendError> {
        if is_on_event_loop() {
            return Ok(());
        }
        let (done, wait) = sync_channel(0);
        self.0.put_flush(done)?;
        // It is dropped at the end of the turn, or with the stream.
        let _ = wait.recv();
        match self.has_ended() {
            true => Err(SendError::Ended),
            false => Ok(()),
        }
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
    use crate::net::mailbox::note_event_loop;
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
        let looping = stream.clone();
        let on_a_loop = std::thread::spawn(move || {
            note_event_loop();
            looping.flush()
        });
        assert_eq!(on_a_loop.join().expect("it does not panic"), Ok(()));
        stream.inbox().close();
        let flush = std::thread::spawn(move || stream.flush());
        let flushed = flush.join().expect("it does not panic");
        assert_eq!(flushed, Err(SendError::Ended));
    }
}
