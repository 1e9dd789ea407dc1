//! Records on their way to the thread that writes them, and what is kept of those that found no room.
use super::{Missed, What};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A record, or the end.
pub(super) type Item = Option<Entry>;

/// A record that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) us: u64,
    pub(super) stream: Arc<str>,
    pub(super) what: What,
}

/// Records on their way to the thread that writes them. Whoever has one never waits.
#[derive(Debug)]
pub(super) struct Queue {
    started: Instant,
    sender: Sender<Item>,
    /// Bytes that waiting records take.
    waiting: AtomicUsize,
    /// Whether records were left out, and their number not told of yet.
    has_gap: AtomicBool,
    gap: Mutex<Gaps>,
    /// Nobody takes records any more.
    has_failed: AtomicBool,
}

/// What was left out, by stream and component.
type Gaps = BTreeMap<(Arc<str>, Option<u16>), Gap>;

#[derive(Debug)]
struct Gap {
    since_us: u64,
    missed: Missed,
}

/// Bytes that may wait when another datagram of the application's comes: more than a loop can record in a second.
const ROOM_FOR_DATA: usize = 64 << 20;
/// The same for datagrams of ICE and handshakes, which the application's must not crowd out.
const ROOM_FOR_HANDSHAKES: usize = 80 << 20;
/// The same for all other events: those of state are few, and nothing crowds them out.
const ROOM: usize = 96 << 20;

impl Queue {
    pub(super) fn new() -> (Self, Receiver<Item>) {
        let (sender, receiver) = channel();
        let queue = Self {
            started: Instant::now(),
            sender,
            waiting: AtomicUsize::new(0),
            has_gap: AtomicBool::new(false),
            gap: Mutex::default(),
            has_failed: AtomicBool::new(false),
        };
        (queue, receiver)
    }

    /// When `at` is, in microseconds of the trace.
    pub(super) fn us(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.started))
    }

    /// Hands a record to the writer. Where there is no room it is only counted, and so are the next of its like until
    /// there is much room again.
    pub(super) fn push(&self, entry: Entry) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let room = room_for(&entry.what);
        let has_gap = self.has_gap.load(Ordering::Acquire);
        let room = match &entry.what {
            What::Datagram(_) if has_gap => room / 2,
            _ => room,
        };
        if self.waiting.load(Ordering::Relaxed) + entry.weight() > room {
            return self.miss(&entry);
        }
        if has_gap {
            self.tell_gap();
        }
        self.send(entry);
    }

    /// Puts what was left out so far where it belongs: before what comes next.
    pub(super) fn tell_gap(&self) {
        let mut gap = self.lock();
        self.has_gap.store(false, Ordering::Release);
        for ((stream, component_id), Gap { since_us, missed }) in std::mem::take(&mut *gap) {
            self.send(Entry {
                us: since_us,
                stream,
                what: What::Missed(Missed {
                    component_id,
                    ..missed
                }),
            });
        }
    }

    /// No record comes behind this.
    pub(super) fn end(&self) {
        self.tell_gap();
        // Nobody takes it once the file has failed.
        let _ = self.sender.send(None);
    }

    /// The writer has taken a record.
    pub(super) fn taken(&self, entry: &Entry) {
        self.waiting.fetch_sub(entry.weight(), Ordering::Relaxed);
    }

    /// Nobody takes records any more.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Bytes that waiting records take.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, entry: Entry) {
        self.waiting.fetch_add(entry.weight(), Ordering::Relaxed);
        let _ = self.sender.send(Some(entry));
    }

    fn miss(&self, entry: &Entry) {
        let key = (Arc::clone(&entry.stream), entry.what.component_id());
        let mut gaps = self.lock();
        let gap = gaps.entry(key).or_insert_with(|| Gap {
            since_us: entry.us,
            missed: Missed::default(),
        });
        gap.missed.count += 1;
        gap.missed.until_us = gap.missed.until_us.max(entry.us);
        if let What::Datagram(datagram) = &entry.what {
            gap.missed.count(datagram);
        }
        self.has_gap.store(true, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Gaps> {
        // No code that could panic runs under this lock.
        self.gap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn room_for(what: &What) -> usize {
    match what {
        What::Datagram(datagram) if datagram.contents.is_none() => ROOM_FOR_DATA,
        What::CouldNotSendPayload { .. } => ROOM_FOR_DATA,
        What::Datagram(_) => ROOM_FOR_HANDSHAKES,
        _ => ROOM,
    }
}

impl Entry {
    /// Bytes it takes, with what the system adds to each piece of memory.
    fn weight(&self) -> usize {
        const PIECE: usize = 16;
        let pieces: [usize; 2] = match &self.what {
            What::Datagram(datagram) => [
                datagram.contents.as_ref().map_or(0, |it| it.len() + PIECE),
                datagram.stun.as_ref().map_or(0, |stun| {
                    stun.method.len() + stun.transaction.len() + 2 * PIECE
                }),
            ],
            What::Call(call) => [
                call.call.len() + PIECE,
                call.sentence.as_ref().map_or(0, |it| it.len() + PIECE),
            ],
            What::NewCandidateFull {
                candidate: text, ..
            }
            | What::NewRemoteCandidateFull {
                candidate: text, ..
            }
            | What::ComponentStateFailed { reason: text, .. }
            | What::CouldNotSendPayload { reason: text, .. }
            | What::Warning { warning: text } => [text.len() + PIECE, 0],
            What::Opened {
                plugin,
                plugin_version,
                ..
            } => [plugin.len() + PIECE, plugin_version.len() + PIECE],
            _ => [0, 0],
        };
        size_of::<Item>() + pieces[0] + pieces[1]
    }
}

/// Five hundred thousand years are enough.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
