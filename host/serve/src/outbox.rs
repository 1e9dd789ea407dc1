//! What waits to be written on one connection, bounded in memory.
use handclasp::counted;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use zeroize::Zeroizing;

/// Lines on their way to a connection's peer. Whoever puts one in waits for nothing.
///
/// Datagrams are dropped for want of room, and counted. Other lines are never dropped: where they find no room, the
/// connection ends. While [much waits](Self::has_room) no more input is to be read, so that a peer which reads causes
/// neither.
pub(crate) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    /// Something was taken, or nothing more is put in.
    taken: Notify,
    /// Nothing more is put in.
    ended: Notify,
    budget: Arc<Budget>,
}

/// What all outboxes share.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes that wait in all of them.
    waiting: AtomicUsize,
    /// Bytes that may.
    most: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
        }
    }

    pub(crate) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    /// Each as long as it was made for, so that no copy of a secret stays where it grew from.
    chunks: VecDeque<Chunk>,
    /// Bytes of memory of the chunks.
    held: usize,
    /// Bytes of datagrams' lines among what waits.
    payloads: usize,
    dropped: u64,
    end: Option<End>,
}

struct Chunk {
    bytes: Zeroizing<Vec<u8>>,
    payloads: usize,
}

/// Why nothing more is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// What waits is written, and then the connection closes.
    Finished,
    /// The peer reads too slowly.
    Overrun,
}

/// Bytes of a connection's lines beyond which it ends.
const MOST: usize = 4 << 20;
/// What each may have, however much waits in all.
const SHARE: usize = 64 << 10;
/// Bytes of its datagrams beyond which more are dropped.
const MOST_PAYLOADS: usize = 1 << 20;
/// Bytes beyond which no more input is read.
const ROOM: usize = 256 << 10;
/// Bytes of a chunk, unless a line is longer.
const CHUNK: usize = 16 << 10;

impl Outbox {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            taken: Notify::new(),
            ended: Notify::new(),
            budget,
        }
    }

    /// Puts in what is one line as JSON.
    pub(crate) fn push(&self, line: &impl Serialize) {
        self.push_bytes(&as_line(line));
    }

    /// Puts in a line, with its end.
    pub(crate) fn push_bytes(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let fits = self.fits(&state, line.len(), MOST);
        match fits {
            true => self.append(&mut state, line, 0),
            false => {
                self.clear(&mut state);
                state.end = Some(End::Overrun);
                self.taken.notify_one();
                self.ended.notify_waiters();
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Puts in the line of a datagram, if there is room.
    pub(crate) fn push_payload(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        if state.payloads + line.len() > MOST_PAYLOADS || !self.fits(&state, line.len(), MOST) {
            state.dropped += 1;
            return;
        }
        self.tell_dropped(&mut state);
        self.append(&mut state, line, line.len());
        drop(state);
        self.changed.notify_one();
    }

    /// How many datagrams were dropped, if some were.
    fn tell_dropped(&self, state: &mut State) {
        if state.dropped == 0 {
            return;
        }
        let dropped = std::mem::take(&mut state.dropped);
        let warning = format!(
            "{} of the peers' found no room: read this connection faster",
            counted(usize::try_from(dropped).unwrap_or(usize::MAX), "datagram")
        );
        let event = serde_json::json!({"event": "warning", "warning": warning});
        self.append(state, &as_line(&event), 0);
    }

    fn fits(&self, state: &State, more: usize, most: usize) -> bool {
        let held = state.held + more;
        held <= SHARE
            || held <= most
                && self.budget.waiting() + more <= self.budget.most.load(Ordering::Relaxed)
    }

    fn append(&self, state: &mut State, line: &[u8], payloads: usize) {
        let has_room =
            |chunk: &&mut Chunk| chunk.bytes.capacity() - chunk.bytes.len() >= line.len();
        if let Some(chunk) = state.chunks.back_mut().filter(has_room) {
            chunk.bytes.extend_from_slice(line);
            chunk.payloads += payloads;
        } else {
            let mut bytes = Zeroizing::new(Vec::with_capacity(line.len().max(CHUNK)));
            bytes.extend_from_slice(line);
            state.held += bytes.capacity();
            self.budget
                .waiting
                .fetch_add(bytes.capacity(), Ordering::Relaxed);
            state.chunks.push_back(Chunk { bytes, payloads });
        }
        state.payloads += payloads;
    }

    fn clear(&self, state: &mut State) {
        self.budget.waiting.fetch_sub(state.held, Ordering::Relaxed);
        *state = State {
            end: state.end,
            ..State::default()
        };
    }

    /// What waits longest, once something does; `Err` once nothing more comes.
    pub(crate) async fn next(&self) -> Result<Zeroizing<Vec<u8>>, End> {
        loop {
            {
                let mut state = self.lock();
                if let Some(chunk) = state.chunks.pop_front() {
                    state.held -= chunk.bytes.capacity();
                    state.payloads -= chunk.payloads;
                    self.budget
                        .waiting
                        .fetch_sub(chunk.bytes.capacity(), Ordering::Relaxed);
                    self.taken.notify_one();
                    return Ok(chunk.bytes);
                }
                if let Some(end) = state.end {
                    return Err(end);
                }
                if state.dropped > 0 {
                    self.tell_dropped(&mut state);
                    continue;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until input may be read on.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.taken.notified().await;
        }
    }

    /// Whether input may be read on.
    fn has_room(&self) -> bool {
        let state = self.lock();
        state.held < ROOM || state.end.is_some()
    }

    /// Whether nothing more is put in.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Waits until nothing more is put in.
    pub(crate) async fn ended(&self) {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable(); // what ends from here on is heard of
        if !self.has_ended() {
            ended.await;
        }
    }

    /// Nothing more comes.
    pub(crate) fn finish(&self) {
        self.lock().end.get_or_insert(End::Finished);
        self.changed.notify_one();
        self.taken.notify_one();
        self.ended.notify_waiters();
    }

    /// Bytes of memory that wait.
    pub(crate) fn held(&self) -> usize {
        self.lock().held
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line of JSON, with its end; wiped when it is dropped.
pub(crate) fn as_line(line: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut measure = Measure(0);
    let measured = serde_json::to_writer(&mut measure, line);
    let mut bytes = Zeroizing::new(Vec::with_capacity(measure.0 + 1));
    if measured.is_ok() && serde_json::to_writer(&mut *bytes, line).is_ok() {
        bytes.push(b'\n');
    } else {
        debug_assert!(false, "what is written is JSON");
        bytes.clear();
    }
    bytes
}

/// Counts what is written.
struct Measure(usize);

impl std::io::Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let held = self.lock().held;
        self.budget.waiting.fetch_sub(held, Ordering::Relaxed);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} bytes)", self.held())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST_OF_ALL: usize = 64 << 20;

    fn outbox() -> (Outbox, Arc<Budget>) {
        let budget = Arc::new(Budget::new(MOST_OF_ALL));
        (Outbox::new(Arc::clone(&budget)), budget)
    }

    fn take(outbox: &Outbox) -> Result<Vec<u8>, End> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let next = runtime
            .expect("the system can wait")
            .block_on(outbox.next());
        next.map(|bytes| bytes.to_vec())
    }

    #[test]
    fn lines_come_out_in_order_and_together() {
        let (outbox, budget) = outbox();
        outbox.push(&serde_json::json!({"event": "one"}));
        outbox.push_payload(b"two\n");
        outbox.push_bytes(b"three\n");
        assert_eq!(
            take(&outbox),
            Ok(b"{\"event\":\"one\"}\ntwo\nthree\n".to_vec())
        );
        outbox.push_bytes(b"four\n");
        outbox.finish();
        outbox.push_bytes(b"five\n");
        assert_eq!(take(&outbox), Ok(b"four\n".to_vec()));
        assert_eq!(take(&outbox), Err(End::Finished));
        assert_eq!(budget.waiting(), 0);
    }

    #[test]
    fn datagrams_that_nobody_reads_are_dropped_and_counted() {
        let (outbox, _) = outbox();
        let line = [b'x'; 1000];
        for _ in 0..MOST_PAYLOADS / line.len() + 5 {
            outbox.push_payload(&line);
        }
        assert!(!outbox.has_room());
        assert!(outbox.held() < MOST_PAYLOADS / 8 * 9);
        while outbox.held() > 0 {
            take(&outbox).expect("it has not ended");
        }
        assert!(outbox.has_room());
        outbox.push_payload(&line);
        let told = String::from_utf8(take(&outbox).expect("it has not ended")).expect("it is text");
        assert!(
            told.contains("5 datagrams of the peers' found no room"),
            "{told}"
        );
    }

    #[test]
    fn lines_that_nobody_reads_end_the_connection_and_free_their_memory() {
        let (outbox, budget) = outbox();
        for _ in 0..MOST / 1000 {
            outbox.push_bytes(&[b'x'; 1000]);
        }
        assert!(outbox.has_ended());
        assert_eq!(take(&outbox), Err(End::Overrun));
        assert_eq!(budget.waiting(), 0);
    }

    #[test]
    fn each_connection_has_its_share_however_much_others_hold() {
        let (outbox, budget) = outbox();
        budget.set_most(0);
        outbox.push_bytes(&[b'x'; 1000]);
        assert!(!outbox.has_ended());
        outbox.push_bytes(&[b'x'; SHARE]);
        assert!(outbox.has_ended());
    }
}
