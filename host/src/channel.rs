//! A ready-made application, which hands everything to another thread or task.
use crate::net::{Application, Context, StreamRef};
use crate::stream::{Notification, Refused};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
#[cfg(feature = "tokio")]
use std::task::{Context as Task, Poll};
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
    /// Events of this stream found no room, and were dropped. Which they were is not known: stop a stream whose state
    /// matters.
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
/// what comes then is dropped and counted for its stream ([`Event::Dropped`]), but for [`Notification::Stopped`].
#[derive(Debug)]
pub struct Events {
    items: mpsc::Receiver<Item>,
    reader: RefCell<Reader>,
}

/// The same as [`Events`], for tasks.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct AsyncEvents {
    items: tokio::sync::mpsc::UnboundedReceiver<Item>,
    reader: Reader,
}

/// Why there is no event within the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no event came within the time")]
pub struct TimedOut;

#[derive(Debug)]
enum Item {
    /// What takes so many bytes.
    Event(StreamRef, Event, usize),
    /// Something was dropped behind what came before this.
    Lost,
}

/// Bytes that wait, and what was dropped for want of room.
#[derive(Debug, Default)]
struct Room {
    payloads: AtomicUsize,
    others: AtomicUsize,
    /// What was dropped, which the reader learns from an item.
    lost: Mutex<BTreeMap<u64, Lost>>,
}

/// What was dropped of a stream's.
#[derive(Debug)]
struct Lost {
    stream: StreamRef,
    payloads: u64,
    others: u64,
}

/// What has been taken from a channel.
#[derive(Debug, Default)]
struct Reader {
    room: Arc<Room>,
    /// What was dropped, to be told before the next item.
    lost: VecDeque<(StreamRef, Event)>,
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
    let reader = Reader::default();
    // Nobody may read any more.
    let application = ChannelApplication::new(&reader.room, move |item| drop(sender.send(item)));
    let reader = RefCell::new(reader);
    (application, Events { items, reader })
}

/// The same as [`channel`], for tasks of tokio's or of any other executor.
#[cfg(feature = "tokio")]
pub fn async_channel() -> (ChannelApplication, AsyncEvents) {
    let (sender, items) = tokio::sync::mpsc::unbounded_channel();
    let reader = Reader::default();
    // Nobody may read any more.
    let application = ChannelApplication::new(&reader.room, move |item| drop(sender.send(item)));
    (application, AsyncEvents { items, reader })
}

impl Events {
    /// Waits for the next event, and says of which stream it is; nothing comes once every application has been dropped.
    pub fn recv(&self) -> Option<(StreamRef, Event)> {
        loop {
            if let Some(lost) = self.lost() {
                return Some(lost);
            }
            let item = self.items.recv().ok()?;
            if let Some(event) = self.reader.borrow_mut().take(item) {
                return Some(event);
            }
        }
    }

    /// As [`recv`](Self::recv), but no longer than this; with no time at all it takes what is there already.
    ///
    /// # Errors
    /// There was none.
    pub fn recv_timeout(&self, patience: Duration) -> Result<Option<(StreamRef, Event)>, TimedOut> {
        loop {
            if let Some(lost) = self.lost() {
                return Ok(Some(lost));
            }
            let item = match self.items.recv_timeout(patience) {
                Ok(item) => item,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(TimedOut),
            };
            if let Some(event) = self.reader.borrow_mut().take(item) {
                return Ok(Some(event));
            }
        }
    }

    fn lost(&self) -> Option<(StreamRef, Event)> {
        self.reader.borrow_mut().lost.pop_front()
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
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&mut self, context: &mut Task<'_>) -> Poll<Option<(StreamRef, Event)>> {
        loop {
            if let Some(lost) = self.reader.lost.pop_front() {
                return Poll::Ready(Some(lost));
            }
            let Some(item) = std::task::ready!(self.items.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            if let Some(event) = self.reader.take(item) {
                return Poll::Ready(Some(event));
            }
        }
    }
}

#[cfg(feature = "tokio")]
impl futures_core::Stream for AsyncEvents {
    type Item = (StreamRef, Event);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(context)
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
        let (stream, bytes) = (context.stream().clone(), size_of::<Item>() + event.heap());
        if self.room.reserve(&event, bytes) {
            (self.send)(Item::Event(stream, event, bytes));
        } else if self.room.note_lost(stream, &event) {
            (self.send)(Item::Lost);
        }
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
    fn waiting(&self, event: &Event) -> &AtomicUsize {
        match event {
            Event::Payload { .. } => &self.payloads,
            _ => &self.others,
        }
    }

    /// Whether there is room for it.
    fn reserve(&self, event: &Event, bytes: usize) -> bool {
        let waiting = self.waiting(event);
        let is_last = matches!(event, Event::Notification(Notification::Stopped));
        if waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= MOST || is_last {
            return true;
        }
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        false
    }

    /// Counts what had no room; returns whether the reader is to be told.
    fn note_lost(&self, stream: StreamRef, event: &Event) -> bool {
        let mut all = self.lost();
        let is_first = all.is_empty();
        let lost = all.entry(stream.id()).or_insert(Lost {
            stream,
            payloads: 0,
            others: 0,
        });
        match event {
            Event::Payload { .. } => lost.payloads += 1,
            _ => lost.others += 1,
        }
        is_first
    }

    fn lost(&self) -> MutexGuard<'_, BTreeMap<u64, Lost>> {
        // No code that could panic runs under this lock.
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn take(&mut self, item: Item) -> Option<(StreamRef, Event)> {
        match item {
            Item::Event(stream, event, bytes) => {
                let waiting = self.room.waiting(&event);
                waiting.fetch_sub(bytes, Ordering::Relaxed);
                Some((stream, event))
            }
            Item::Lost => {
                let all = std::mem::take(&mut *self.room.lost());
                let told = all.into_values().map(|lost| {
                    let Lost {
                        stream,
                        payloads,
                        others,
                    } = lost;
                    (stream, Event::Dropped { payloads, others })
                });
                self.lost.extend(told);
                self.lost.pop_front()
            }
        }
    }
}
