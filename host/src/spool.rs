//! Lines that a thread of their own writes. Whoever has one to write never waits.
use crate::made_in::MadeIn;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// Lines on their way to a thread that writes them. What finds no room is dropped and counted.
///
/// A line is taken at any moment of any thread, while it panics or ends as well: no thread-local variable is used, and
/// nothing here panics. Lines are wiped from memory once they are written. Dropping the spool lets its thread end
/// with what waits, and does not wait for it: see [`finish`](Self::finish).
#[derive(Debug)]
pub struct Spool(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Most bytes that wait; twice as many are kept.
    capacity: usize,
    made_in: MadeIn,
}

#[derive(Debug)]
struct State {
    /// Each with its end.
    lines: Vec<u8>,
    /// How many found no room behind these.
    dropped: u64,
    /// The thread writes what it has taken.
    is_writing: bool,
    /// No more lines come, or nobody takes them.
    has_ended: bool,
}

impl Spool {
    /// Starts the thread. It hands over lines, each with its end, and how many behind them were dropped, until
    /// `write` breaks: what comes afterwards goes nowhere.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        capacity: usize,
        write: impl FnMut(&[u8], u64) -> ControlFlow<()> + Send + 'static,
    ) -> io::Result<Self> {
        let state = State {
            lines: Vec::with_capacity(capacity), // one that grows leaves copies behind
            dropped: 0,
            is_writing: false,
            has_ended: false,
        };
        let queue = Arc::new(Queue {
            state: Mutex::new(state),
            changed: Condvar::new(),
            capacity,
            made_in: MadeIn::this_process(),
        });
        let served = Arc::clone(&queue);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || served.serve(write))?;
        Ok(Self(queue))
    }

    /// Hands over a line, in parts and without its end. Where there is no room it is dropped and counted.
    pub fn push(&self, line: &[&[u8]]) {
        let length: usize = line.iter().map(|part| part.len()).sum();
        let mut state = self.0.lock();
        if state.has_ended {
            return;
        }
        // Behind a gap nothing is taken before the gap is told.
        if state.dropped > 0 || state.lines.len() + length >= self.0.capacity {
            state.dropped += 1;
        } else {
            state.append(line);
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Hands over the last line of all, for which there is always room.
    pub fn push_last(&self, line: &[&[u8]]) {
        let mut state = self.0.lock();
        if !state.has_ended {
            state.append(line);
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits until all is written, but no longer than this; returns whether it is.
    pub fn finish(&self, patience: Duration) -> bool {
        if self.0.made_in.is_another_process() {
            return false; // it has no such thread
        }
        let deadline = Instant::now() + patience;
        let mut state = self.0.lock();
        while state.is_busy() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.0.made_in.is_another_process() {
            return; // its thread is not here, and may have held the lock
        }
        self.0.lock().has_ended = true;
        self.0.changed.notify_all();
    }
}

impl State {
    fn append(&mut self, line: &[&[u8]]) {
        for part in line {
            self.lines.extend_from_slice(part);
        }
        self.lines.push(b'\n');
    }

    fn has_work(&self) -> bool {
        !self.lines.is_empty() || self.dropped > 0
    }

    fn is_busy(&self) -> bool {
        self.has_work() || self.is_writing
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut write: impl FnMut(&[u8], u64) -> ControlFlow<()>) {
        let mut lines = Vec::with_capacity(self.capacity);
        while let Some(dropped) = self.take(&mut lines) {
            let done = write(&lines, dropped);
            lines.as_mut_slice().zeroize();
            lines.clear();
            let mut state = self.lock();
            state.is_writing = false;
            if done.is_break() {
                state.has_ended = true;
                state.dropped = 0;
                state.lines.as_mut_slice().zeroize();
                state.lines.clear();
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for lines and takes them, with the number of those dropped behind them; `None` after the last.
    fn take(&self, lines: &mut Vec<u8>) -> Option<u64> {
        let idle = |state: &mut State| !state.has_work() && !state.has_ended;
        let state = self.changed.wait_while(self.lock(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if !state.has_work() {
            return None;
        }
        state.is_writing = true;
        std::mem::swap(&mut state.lines, lines);
        Some(std::mem::take(&mut state.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// How long a thread may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// What was written, and what lets the next be written.
    type Slow = (Spool, Receiver<(String, u64)>, Sender<()>);

    fn slow(capacity: usize) -> Slow {
        let (written, read) = channel();
        let (go, gate) = channel();
        let write = move |lines: &[u8], dropped| {
            let lines = String::from_utf8(lines.to_vec()).expect("these are words");
            let _ = written.send((lines, dropped));
            match gate.recv() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let spool = Spool::start("slow", capacity, write).expect("there are threads left");
        (spool, read, go)
    }

    #[test]
    fn so_much_waits_and_a_gap_is_told_where_it_is() {
        let (spool, read, go) = slow(12);
        spool.push(&[b"1"]);
        assert_eq!(read.recv_timeout(PATIENCE), Ok(("1\n".to_owned(), 0)));
        for line in ["23", "45", "six", "78", "9"] {
            spool.push(&[&line.as_bytes()[..1], &line.as_bytes()[1..]]);
        }
        assert!(!spool.finish(Duration::ZERO));
        spool.push_last(&[b"the last"]);
        go.send(()).expect("it waits");
        // There was room for the 9, but not before the gap.
        let rest = "23\n45\nsix\nthe last\n".to_owned();
        assert_eq!(read.recv_timeout(PATIENCE), Ok((rest, 2)));
        go.send(()).expect("it waits");
        assert!(spool.finish(PATIENCE));
        spool.push(&[b"again"]);
        assert_eq!(read.recv_timeout(PATIENCE), Ok(("again\n".to_owned(), 0)));
    }

    #[test]
    fn nothing_waits_for_a_thread_that_has_given_up() {
        let (spool, read, go) = slow(10);
        spool.push(&[b"1"]);
        read.recv_timeout(PATIENCE).expect("it is written");
        drop(go);
        assert!(spool.finish(PATIENCE));
        for _ in 0..100 {
            spool.push(&[b"2"]);
        }
        assert!(spool.finish(Duration::ZERO) && read.recv_timeout(PATIENCE).is_err());
    }

    #[test]
    fn what_waits_is_written_after_the_end() {
        let (spool, read, go) = slow(10);
        spool.push(&[b"1"]);
        read.recv_timeout(PATIENCE).expect("it is written");
        spool.push(&[b"2"]);
        drop(spool);
        go.send(()).expect("it waits");
        assert_eq!(read.recv_timeout(PATIENCE), Ok(("2\n".to_owned(), 0)));
        go.send(()).expect("it waits");
        assert!(read.recv_timeout(PATIENCE).is_err());
    }
}
