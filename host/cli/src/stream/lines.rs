//! What waits to be written on standard output, bounded in memory.
use handclasp::control::ErrorEvent;
use handclasp::counted;
use handclasp::stream::Notification;
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What becomes a line, and the end.
#[derive(Debug)]
pub(super) enum Line {
    Notification(Notification),
    Payload {
        component_id: u16,
        payload: Vec<u8>,
    },
    Error(ErrorEvent),
    /// Standard input cannot be read any more: no line of the output, but no good end either.
    Unreadable(io::Error),
    /// The stream is gone.
    End,
}

/// Lines on their way from the event loop and from standard input to standard output.
///
/// Datagrams and warnings are dropped for want of room, and counted. All other events are kept: most come of what is
/// read on standard input, which [waits](Self::wait_for_room) for them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    state: Mutex<State>,
    came: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    /// The peer's datagrams, each behind its component's id and its length.
    datagrams: VecDeque<u8>,
    /// Bytes that lines take, but for datagrams.
    events: usize,
    dropped_datagrams: u64,
    dropped_warnings: u64,
    /// Whether somebody waits for the next line.
    awaited: bool,
}

#[derive(Debug)]
enum Waiting {
    Line(Line),
    /// The next so many of the datagrams.
    Datagrams(usize),
}

/// Most bytes that the datagrams take.
const MAX_DATAGRAMS: usize = 8 << 20;
/// Bytes of events beyond which input is not read, and warnings are dropped.
const MAX_EVENTS: usize = 1 << 20;
/// By so much the memory of the datagrams grows, and so much is kept of it.
const STEP: usize = 256 << 10;
/// A component's id and a length.
const HEAD: usize = 2 + 4;

impl Lines {
    pub(super) fn push(&self, line: Line) {
        let mut state = self.lock();
        match &line {
            Line::Notification(Notification::Warning { .. }) if !state.has_room() => {
                state.dropped_warnings += 1;
                return;
            }
            // The last event.
            Line::Notification(Notification::Stopped) => {
                while let Some(warning) = state.take_dropped() {
                    state.push(warning);
                }
            }
            Line::Notification(_)
            | Line::Payload { .. }
            | Line::Error(_)
            | Line::Unreadable(_)
            | Line::End => {}
        }
        state.push(line);
        self.tell(state);
    }

    /// Puts a datagram from the peer behind the lines, if there is room.
    pub(super) fn push_datagram(&self, component_id: u16, datagram: &[u8]) {
        let mut state = self.lock();
        if !state.reserve(HEAD + datagram.len()) {
            state.dropped_datagrams += 1;
            return;
        }
        if let Some(warning) = state.take_dropped() {
            state.push(warning);
        }
        state.push_datagram(component_id, datagram);
        self.tell(state);
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let awaited = std::mem::take(&mut state.awaited);
        drop(state);
        if awaited {
            self.came.notify_one();
        }
    }

    /// Waits for the next line. `spare` is memory for a datagram.
    pub(super) fn next(&self, spare: &mut Vec<u8>) -> Line {
        let mut state = self.lock();
        loop {
            let had_room = state.has_room();
            if let Some(line) = state.pop(spare) {
                if !had_room && state.has_room() {
                    self.written.notify_all();
                }
                return line;
            }
            state.awaited = true;
            state = self
                .came
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is room for what comes of a line of input.
    pub(super) fn wait_for_room(&self) {
        let state = self.lock();
        let has_none = |state: &mut State| !state.has_room();
        let waited = self.written.wait_while(state, has_none);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.events < MAX_EVENTS
    }

    fn push(&mut self, line: Line) {
        self.events += size(&line);
        self.queue.push_back(Waiting::Line(line));
    }

    /// Makes room for so many bytes of datagrams, if they are not too many.
    fn reserve(&mut self, more: usize) -> bool {
        let needed = self.datagrams.len() + more;
        if needed > MAX_DATAGRAMS {
            return false;
        }
        if needed > self.datagrams.capacity() {
            let capacity = needed.next_multiple_of(STEP);
            self.datagrams
                .reserve_exact(capacity - self.datagrams.len());
        }
        true
    }

    fn push_datagram(&mut self, component_id: u16, datagram: &[u8]) {
        let length = u32::try_from(datagram.len()).expect("datagrams have fewer than 2^16 bytes");
        for part in [
            &component_id.to_be_bytes()[..],
            &length.to_be_bytes(),
            datagram,
        ] {
            self.datagrams.write_all(part).expect("memory takes it");
        }
        match self.queue.back_mut() {
            Some(Waiting::Datagrams(count)) => *count += 1,
            Some(Waiting::Line(_)) | None => self.queue.push_back(Waiting::Datagrams(1)),
        }
    }

    fn pop(&mut self, spare: &mut Vec<u8>) -> Option<Line> {
        match self.queue.front_mut() {
            Some(Waiting::Datagrams(count)) => {
                *count -= 1;
                if *count == 0 {
                    self.queue.pop_front();
                }
                return Some(self.pop_datagram(std::mem::take(spare)));
            }
            Some(Waiting::Line(line)) => self.events -= size(line),
            None => return self.take_dropped(),
        }
        match self.queue.pop_front() {
            Some(Waiting::Line(line)) => Some(line),
            Some(Waiting::Datagrams(_)) | None => None,
        }
    }

    fn pop_datagram(&mut self, mut payload: Vec<u8>) -> Line {
        let (mut id, mut length) = ([0; 2], [0; 4]);
        payload.clear();
        let mut read = |part: &mut [u8]| {
            let read = self.datagrams.read_exact(part);
            read.expect("what was counted is there");
        };
        read(&mut id);
        read(&mut length);
        payload.resize(u32::from_be_bytes(length) as usize, 0);
        read(&mut payload);
        if self.datagrams.is_empty() {
            self.datagrams.shrink_to(STEP);
        }
        Line::Payload {
            component_id: u16::from_be_bytes(id),
            payload,
        }
    }

    /// What was dropped, to be told once.
    fn take_dropped(&mut self) -> Option<Line> {
        let count = |dropped: &mut u64| Some(std::mem::take(dropped)).filter(|count| *count > 0);
        let what = match count(&mut self.dropped_datagrams) {
            Some(number) => counted(number, "datagram") + " from the peer",
            None => counted(count(&mut self.dropped_warnings)?, "warning"),
        };
        let warning = format!("{what} dropped: read standard output faster");
        Some(Line::Notification(Notification::Warning { warning }))
    }
}

/// Bytes that a line takes in the queue, which may be twice as long as it is full.
fn size(line: &Line) -> usize {
    let heap = match line {
        Line::Notification(notification) => notification.heap(),
        Line::Payload { payload, .. } => payload.capacity(),
        Line::Error(error) => error.error.capacity(),
        Line::Unreadable(_) | Line::End => 0,
    };
    2 * size_of::<Waiting>() + heap
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn next(lines: &Lines) -> String {
        match lines.next(&mut Vec::new()) {
            Line::Payload { payload, .. } => String::from_utf8(payload).expect("it is text"),
            Line::Notification(Notification::Warning { warning }) => warning,
            Line::Notification(notification) => format!("{notification:?}"),
            Line::Error(error) => error.error,
            Line::Unreadable(error) => error.to_string(),
            Line::End => "the end".to_owned(),
        }
    }

    fn warn(lines: &Lines, warning: &str) {
        let warning = warning.to_owned();
        lines.push(Line::Notification(Notification::Warning { warning }));
    }

    fn memory(lines: &Lines) -> usize {
        let state = lines.lock();
        let queue = state.queue.capacity() * size_of::<Waiting>();
        queue + state.datagrams.capacity()
    }

    #[test]
    fn lines_and_datagrams_come_in_the_order_they_were_put() {
        let lines = Lines::default();
        lines.push_datagram(1, b"one");
        lines.push_datagram(2, b"");
        warn(&lines, "three");
        lines.push_datagram(1, b"four");
        lines.push(Line::End);
        let read: Vec<_> = (0..5).map(|_| next(&lines)).collect();
        assert_eq!(read, ["one", "", "three", "four", "the end"]);
        assert_eq!(lines.lock().events, 0);
    }

    #[test]
    fn a_slow_reader_costs_datagrams_not_memory_and_is_told_once() {
        for datagram in [&[b'7'; 1][..], &[b'7'; 1200], &[b'7'; 65_507]] {
            let lines = Lines::default();
            let fits = MAX_DATAGRAMS / (HEAD + datagram.len());
            for _ in 0..fits + 2 {
                lines.push_datagram(1, datagram);
            }
            assert!(memory(&lines) <= MAX_DATAGRAMS + STEP, "{}", memory(&lines));
            for _ in 0..fits {
                assert_eq!(next(&lines).as_bytes(), datagram);
            }
            let warning = next(&lines);
            assert!(warning.starts_with("2 datagrams"), "{warning}");
            lines.push_datagram(1, b"next");
            assert_eq!(next(&lines), "next");
            assert!(memory(&lines) <= 2 * STEP, "{}", memory(&lines));
        }
    }

    #[test]
    fn what_was_dropped_is_told_before_the_next_datagram_and_before_the_last_event() {
        let lines = Lines::default();
        let half = vec![b'7'; MAX_DATAGRAMS / 2];
        for _ in 0..3 {
            lines.push_datagram(1, &half);
        }
        assert_eq!(next(&lines).len(), half.len());
        lines.push_datagram(1, b"next");
        for _ in 0..2 {
            lines.push_datagram(1, &half);
        }
        lines.push(Line::Notification(Notification::Stopped));
        let told: Vec<_> = (0..5).map(|_| next(&lines)).collect();
        let [two, next, again, one, stopped] = &told[..] else {
            panic!("{told:?}")
        };
        assert!(two.starts_with("2 datagrams"), "{two}");
        assert_eq!((&next[..], again.len()), ("next", half.len()));
        assert!(one.starts_with("1 datagram "), "{one}");
        assert_eq!(stopped, "Stopped");
    }

    #[test]
    fn input_waits_while_events_do_and_warnings_are_dropped_then() {
        let lines = Arc::new(Lines::default());
        let sdp = || "x".repeat(MAX_EVENTS / 4);
        let mut told = 0;
        while lines.lock().has_room() {
            lines.push(Line::Notification(Notification::LocalSdp { sdp: sdp() }));
            told += 1;
        }
        assert_eq!(told, 4);
        warn(&lines, "no room");
        // Events of state are never dropped.
        lines.push(Line::Notification(Notification::CandidateGatheringDone));
        let waiting = Arc::clone(&lines);
        let input = std::thread::spawn(move || waiting.wait_for_room());
        for _ in 0..2 {
            next(&lines);
        }
        input.join().expect("there is room again");
        let rest: Vec<_> = (0..4).map(|_| next(&lines)).collect();
        assert_eq!(rest[2], "CandidateGatheringDone");
        assert!(rest[3].starts_with("1 warning "), "{}", rest[3]);
    }
}
