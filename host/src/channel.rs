//! A ready-made application, which hands everything to another thread or task.
use crate::net::{Application, Context, StreamRef};
use crate::stream::{Notification, Refused};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// What an [`Application`] is told, as [`Events`] hand it on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something happened.
    Notification(Notification),
    /// A datagram from the peer.
    Payload {
        /// The component that it came to.
        component_id: u16,
        /// The datagram.
        payload: Vec<u8>,
    },
    /// What has become of a message.
    Answer {
        /// What it was sent with, if with a number.
        number: Option<u64>,
        /// Nothing, or why it was refused.
        answer: Result<(), Refused>,
    },
    /// Events of this stream and of others found no room, and were dropped. Which they were is not known: stop a stream
    /// whose state matters.
    Dropped {
        /// How many datagrams.
        payloads: u64,
        /// How many others.
        others: u64,
    },
}

/// An application that hands everything to another thread, by way of [`Events`]. Each clone may serve a stream.
#[derive(Clone)]
pub struct ChannelApplication {
    room: Arc<Room>,
    send: Arc<dyn Fn(Item) + Send + Sync>,
}

/// What the streams of one [`channel`] are told, in order. It ends with the last of its applications: those of streams
/// are dropped behind [`Notification::Stopped`].
///
/// Nothing waits for whoever reads it. 1 MiB of datagrams wait, and 1 MiB of everything else, each with what carries it;
/// what comes then is dropped and counted ([`Event::Dropped`]), but for [`Notification::Stopped`].
#[derive(Debug)]
pub struct Events {
    items: mpsc::Receiver<Item>,
    room: Arc<Room>,
}

/// The same as [`Events`], for tasks.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct AsyncEvents {
    items: tokio::sync::mpsc::UnboundedReceiver<Item>,
    room: Arc<Room>,
}

/// Why there is no event within the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no event came within the time")]
pub struct TimedOut;

#[derive(Debug)]
struct Item {
    stream: StreamRef,
    event: Event,
    bytes: usize,
}

/// Bytes that wait, and what was dropped for want of room.
#[derive(Debug, Default)]
struct Room {
    payloads: Share,
    others: Share,
}

#[derive(Debug, Default)]
struct Share {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// Bytes of datagrams that wait, and as many of everything else.
const MOST: usize = 1 << 20;

/// An application for any number of streams, and what they are told. The [`Events`] block, on a thread of the program's.
///
/// Give each stream a clone, and drop the application itself: events then end with the last stream.
///
/// ```no_run
/// # fn run(host: handclasp::Host) -> Result<(), Box<dyn std::error::Error>> {
/// use handclasp::{Event, StreamOptions, channel};
///
/// let (application, events) = channel();
/// let stream = host.open(StreamOptions::new("dtls-srtp"), application)?;
/// for (stream, event) in events {
///     match event {
///         Event::Payload { component_id, payload } => stream.send_payload(component_id, &payload)?,
///         Event::Dropped { .. } => stream.stop(), // too slow a reader: start anew
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// An application of your own may pass what it does not handle on to a clone of this one.
pub fn channel() -> (ChannelApplication, Events) {
    let (sender, items) = mpsc::channel();
    let room = Arc::default();
    // Nobody may read any more.
    let application = ChannelApplication::new(&room, move |item| drop(sender.send(item)));
    (application, Events { items, room })
}

/// The same as [`channel`], for tasks of tokio's or of any other executor.
#[cfg(feature = "tokio")]
pub fn async_channel() -> (ChannelApplication, AsyncEvents) {
    let (sender, items) = tokio::sync::mpsc::unbounded_channel();
    let room = Arc::default();
    // Nobody may read any more.
    let application = ChannelApplication::new(&room, move |item| drop(sender.send(item)));
    (application, AsyncEvents { items, room })
}

impl Events {
    /// Waits for the next event, and says of which stream it is; nothing comes once every application has been dropped.
    pub fn recv(&self) -> Option<(StreamRef, Event)> {
        self.items.recv().ok().map(|item| self.room.take(item))
    }

    /// As [`recv`](Self::recv), but no longer than this.
    ///
    /// # Errors
    /// There was none.
    pub fn recv_timeout(&self, patience: Duration) -> Result<Option<(StreamRef, Event)>, TimedOut> {
        match self.items.recv_timeout(patience) {
            Ok(item) => Ok(Some(self.room.take(item))),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(TimedOut),
        }
    }

    /// The next event, if there is one already.
    pub fn try_recv(&self) -> Option<(StreamRef, Event)> {
        self.items.try_recv().ok().map(|item| self.room.take(item))
    }
}

impl Iterator for Events {
    type Item = (StreamRef, Event);

    fn next(&mut self) -> Option<Self::Item> {
        self.recv()
    }
}

#[cfg(feature = "tokio")]
impl AsyncEvents {
    /// Waits for the next event, and says of which stream it is; nothing comes once every application has been dropped.
    /// It may be cancelled: no event is lost.
    pub async fn recv(&mut self) -> Option<(StreamRef, Event)> {
        let item = self.items.recv().await?;
        Some(self.room.take(item))
    }
}

#[cfg(feature = "tokio")]
impl futures_core::Stream for AsyncEvents {
    type Item = (StreamRef, Event);

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let item = self.items.poll_recv(context);
        item.map(|item| item.map(|item| self.room.take(item)))
    }
}

impl ChannelApplication {
    fn new(room: &Arc<Room>, send: impl Fn(Item) + Send + Sync + 'static) -> Self {
        Self {
            room: Arc::clone(room),
            send: Arc::new(send),
        }
    }

    fn hand_on(&self, context: &Context<'_>, event: Event) {
        let bytes = size_of::<Item>() + event.heap();
        if !self.room.reserve(&event, bytes) {
            return;
        }
        let stream = context.stream();
        if let Some(dropped) = self.room.take_dropped() {
            self.send(stream, dropped, 0);
        }
        self.send(stream, event, bytes);
    }

    fn send(&self, stream: &StreamRef, event: Event, bytes: usize) {
        (self.send)(Item {
            stream: stream.clone(),
            event,
            bytes,
        });
    }
}

impl Application for ChannelApplication {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        self.hand_on(context, Event::Notification(notification));
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        let payload = datagram.to_vec();
        self.hand_on(
            context,
            Event::Payload {
                component_id,
                payload,
            },
        );
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.hand_on(context, Event::Answer { number, answer });
    }
}

impl fmt::Debug for ChannelApplication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelApplication")
    }
}

impl Event {
    /// Bytes that it takes beside itself, about.
    fn heap(&self) -> usize {
        match self {
            Self::Notification(notification) => notification.heap(),
            Self::Payload { payload, .. } => payload.capacity(),
            Self::Answer { answer, .. } => answer
                .as_ref()
                .err()
                .map_or(0, |refused| refused.to_string().len()),
            Self::Dropped { .. } => 0,
        }
    }
}

impl Room {
    fn share(&self, event: &Event) -> &Share {
        match event {
            Event::Payload { .. } => &self.payloads,
            _ => &self.others,
        }
    }

    /// Whether there is room for it.
    fn reserve(&self, event: &Event, bytes: usize) -> bool {
        let share = self.share(event);
        let is_last = matches!(event, Event::Notification(Notification::Stopped));
        let waiting = share.waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes <= MOST || is_last {
            return true;
        }
        share.waiting.fetch_sub(bytes, Ordering::Relaxed);
        share.dropped.fetch_add(1, Ordering::Relaxed);
        false
    }

    fn take_dropped(&self) -> Option<Event> {
        let dropped = [&self.payloads, &self.others].map(|share| &share.dropped);
        if dropped.iter().all(|it| it.load(Ordering::Relaxed) == 0) {
            return None;
        }
        let [payloads, others] = dropped.map(|it| it.swap(0, Ordering::Relaxed));
        Some(Event::Dropped { payloads, others })
    }

    fn take(&self, item: Item) -> (StreamRef, Event) {
        let share = self.share(&item.event);
        share.waiting.fetch_sub(item.bytes, Ordering::Relaxed);
        (item.stream, item.event)
    }
}
