//! Whom a stream reports to, and its answers.
use super::keys::StreamKey;
use crate::stream::{Notification, Refused};

/// What a stream reports to. Called on its event loop's thread: what takes long belongs elsewhere.
pub trait Application: Send {
    /// Something happened; never [`Notification::IcePayload`], which is [received](Self::receive).
    fn notify(&mut self, notification: Notification);

    /// A datagram from the peer, never empty, after everything that was told before it came.
    fn receive(&mut self, component_id: u16, datagram: &[u8], replies: &mut Replies<'_>);

    /// A message was refused; nothing has changed. `number` is what it was sent with, if with one.
    fn refused(&mut self, number: Option<u64>, refused: Refused) {
        tracing::warn!(number, "{refused}");
    }
}

/// Takes the datagrams an application answers with at once.
#[derive(Debug)]
pub struct Replies<'a> {
    stream: StreamKey,
    queue: &'a mut ReplyQueue,
}

/// The answers of one turn, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct ReplyQueue {
    bytes: Vec<u8>,
    ends: Vec<(StreamKey, u16, usize)>,
}

impl Replies<'_> {
    /// Sends a datagram to the peer, not an empty one.
    pub fn send(&mut self, component_id: u16, datagram: &[u8]) {
        self.queue.bytes.extend_from_slice(datagram);
        self.queue
            .ends
            .push((self.stream, component_id, self.queue.bytes.len()));
    }
}

impl ReplyQueue {
    pub(crate) fn of(&mut self, stream: StreamKey) -> Replies<'_> {
        Replies {
            stream,
            queue: self,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamKey, u16, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, _, end)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, &(key, id, end))| (key, id, &self.bytes[start..end]))
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_order_and_once() {
        let mut queue = ReplyQueue::default();
        queue.of(1).send(1, b"one");
        queue.of(1).send(2, b"");
        queue.of(2).send(1, b"three");
        let answers: Vec<_> = queue.iter().collect();
        assert_eq!(
            answers,
            [(1, 1, &b"one"[..]), (1, 2, b""), (2, 1, b"three")]
        );
        queue.clear();
        assert_eq!(queue.iter().count(), 0);
    }
}
