//! Whom a stream reports to, and its answers.
use super::inbox::LONGEST;
use super::keys::StreamKey;
use super::stream_ref::StreamRef;
use crate::stream::{Notification, Refused};
use std::collections::HashMap;

/// What a stream reports to.
///
/// Its methods are called on the stream's event loop, one at a time and in order, and other streams wait meanwhile: what
/// takes long belongs elsewhere. [`channel`](crate::channel) makes one that hands everything to other threads.
///
/// A server that sends back whatever comes, and lets streams go whose peers have gone:
///
/// ```
/// use handclasp::stream::Notification;
/// use handclasp::{Application, Context};
///
/// struct Echo;
///
/// impl Application for Echo {
///     fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
///         match notification {
///             Notification::ComponentClosed { .. } | Notification::ComponentStateFailed { .. } => {
///                 context.stream().stop();
///             }
///             _ => {} // such as what the peer is to be told
///         }
///     }
///
///     fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
///         context.reply(component_id, datagram);
///     }
/// }
/// ```
///
/// One that passes signalling on to another stream needs that one's [`StreamRef`]: give it later, in an
/// `Arc<OnceLock<StreamRef>>`, or let a [`channel`](crate::channel) do the signalling.
///
/// One that panics fails its stream and no other: each component reports
/// [`ComponentStateFailed`](Notification::ComponentStateFailed), and [`Stopped`](Notification::Stopped) follows. It is
/// told so as well, for it may be of use still; what panics then, or while it is dropped, is logged.
pub trait Application: Send {
    /// Something happened. [`Notification::Stopped`] is the last that is called of all this.
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification);

    /// A datagram from the peer, never empty, after everything that was told before it came. All of them come here,
    /// however early.
    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]);

    /// What has become of a message: each that was sent with a `number` is answered once, others only if they were
    /// refused. A message that was refused has changed nothing; one that was not has been taken, and what it leads to
    /// may still come, such as an exported key.
    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        if let Err(refused) = answer {
            tracing::warn!(stream = context.stream().id(), number, "{refused}");
        }
    }
}

impl<A: Application + ?Sized> Application for Box<A> {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        (**self).notify(context, notification);
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        (**self).receive(context, component_id, datagram);
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        (**self).answer(context, number, answer);
    }
}

/// Whose event an [`Application`] is told, and its way to answer at once.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) stream: &'a StreamRef,
    pub(super) replies: &'a mut ReplyQueue,
}

/// The answers of one turn, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct ReplyQueue {
    bytes: Vec<u8>,
    ends: Vec<(StreamKey, u16, usize)>,
    /// How many of each component's had no room.
    refused: HashMap<(StreamKey, u16), usize>,
}

/// Bytes that are answered with in a turn.
const MOST: usize = 16 * 1024 * 1024;
/// Bytes of memory that are kept for the answers of the next turn.
const KEPT: usize = 256 * 1024;

impl Context<'_> {
    /// The stream, to send it something now, or later from any thread.
    pub fn stream(&self) -> &StreamRef {
        self.stream
    }

    /// Sends a datagram to the peer, as [`StreamRef::send_payload`] does, in this turn of the event loop: that costs less, and comes before what waits there. Where the stream cannot send it,
    /// [`CouldNotSendPayload`](Notification::CouldNotSendPayload) says so, and where 16 MiB of replies wait in this turn; in
    /// the notifications of the stream's end it goes nowhere.
    pub fn reply(&mut self, component_id: u16, datagram: &[u8]) {
        self.replies.push(self.stream.id(), component_id, datagram);
    }
}

impl ReplyQueue {
    fn push(&mut self, stream: StreamKey, component_id: u16, datagram: &[u8]) {
        if datagram.len() > LONGEST || self.bytes.len() + datagram.len() > MOST {
            *self.refused.entry((stream, component_id)).or_default() += 1;
            return;
        }
        self.bytes.extend_from_slice(datagram);
        self.ends.push((stream, component_id, self.bytes.len()));
    }

    /// How many of each component's had no room.
    pub(crate) fn take_refused(&mut self) -> impl Iterator<Item = ((StreamKey, u16), usize)> {
        std::mem::take(&mut self.refused).into_iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamKey, u16, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, _, end)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, &(key, id, end))| (key, id, &self.bytes[start..end]))
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.ends.clear();
        self.ends
            .shrink_to(KEPT / size_of::<(StreamKey, u16, usize)>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_order_and_once() {
        let mut queue = ReplyQueue::default();
        queue.push(1, 1, b"one");
        queue.push(1, 2, b"");
        queue.push(2, 1, b"three");
        let answers: Vec<_> = queue.iter().collect();
        assert_eq!(
            answers,
            [(1, 1, &b"one"[..]), (1, 2, b""), (2, 1, b"three")]
        );
        queue.clear();
        assert_eq!(queue.iter().count(), 0);
    }

    #[test]
    fn so_much_is_answered_with_in_a_turn_and_the_rest_is_counted() {
        let mut queue = ReplyQueue::default();
        let datagram = [0; 1 << 15];
        for _ in 0..MOST / datagram.len() + 3 {
            queue.push(1, 2, &datagram);
        }
        queue.push(1, 1, &[0; LONGEST + 1]);
        assert_eq!(queue.iter().count(), MOST / datagram.len());
        let mut refused: Vec<_> = queue.take_refused().collect();
        refused.sort_unstable();
        assert_eq!(refused, [((1, 1), 1), ((1, 2), 3)]);
        assert_eq!(queue.take_refused().count(), 0);
    }
}
