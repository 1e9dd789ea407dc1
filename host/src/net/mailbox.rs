//! What other threads ask of an event loop, without an allocation per datagram.
use super::hosted::NewStream;
use super::place::StreamKey;
use crate::plugin::Completion;
use crate::stream::{Lookup, Message};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a loop can be asked.
#[derive(Debug)]
pub(crate) enum Command {
    Open(Box<NewStream>),
    Message(StreamKey, Option<u64>, Message),
    Send(StreamKey, u16, Vec<u8>),
    /// So many datagrams of a component's had no room.
    Overflowed(StreamKey, u16, usize),
    Completed(StreamKey, Box<Completion>),
    Found(StreamKey, Lookup, Result<Vec<SocketAddr>, String>),
    /// Of an instance of the stream's.
    Wake(StreamKey, u64),
    Shutdown,
}

/// A loop's mailbox.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    waker: mio::Waker,
}

#[derive(Default)]
struct State {
    commands: Vec<Command>,
    /// Buffers of datagrams sent before, to be filled again.
    spare: Vec<Vec<u8>>,
    /// Bytes that datagrams and what carries them take.
    waiting: usize,
    /// How many datagrams of each component's had no room.
    overflowed: HashMap<(StreamKey, u16), usize>,
}

/// Most buffers kept for later.
const MAX_SPARE: usize = 1024;
/// Bytes that datagrams take beyond which no more are taken.
const MAX_WAITING: usize = 16 * 1024 * 1024;

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            state: Mutex::default(),
            waker,
        }
    }

    pub(crate) fn post(&self, command: Command) {
        self.push(self.lock(), command);
    }

    fn post_datagram(&self, stream: StreamKey, component_id: u16, datagram: &[u8]) {
        let mut state = self.lock();
        if state.waiting >= MAX_WAITING {
            // The loop has been woken: others wait.
            let overflowed = state.overflowed.entry((stream, component_id));
            *overflowed.or_default() += 1;
            return;
        }
        state.waiting += size_of::<Command>() + datagram.len();
        let mut buffer = state.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(datagram);
        self.push(state, Command::Send(stream, component_id, buffer));
    }

    fn push(&self, mut state: MutexGuard<'_, State>, command: Command) {
        let first = state.commands.is_empty();
        state.commands.push(command);
        drop(state);
        if first {
            // Only fails when the loop's poll is gone, and then nobody waits for this.
            let _ = self.waker.wake();
        }
    }

    /// Everything posted since, in order, in exchange for an empty vector and used buffers; first what had no
    /// room, so that it is told of before an end that was posted.
    pub(super) fn take(&self, commands: &mut Vec<Command>, used: &mut Vec<Vec<u8>>) {
        let mut state = self.lock();
        let state = &mut *state;
        std::mem::swap(&mut state.commands, commands);
        state.waiting = 0;
        let overflowed = state.overflowed.drain();
        let told = overflowed.map(|((key, id), count)| Command::Overflowed(key, id, count));
        commands.splice(0..0, told);
        let room = MAX_SPARE.saturating_sub(state.spare.len());
        let kept = used.len().min(room);
        state.spare.extend(used.drain(..kept));
        used.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

/// Sends a stream's datagrams from any thread.
#[derive(Clone, Debug)]
pub struct Outbox {
    stream: StreamKey,
    mailbox: Arc<Mailbox>,
}

impl Outbox {
    pub(crate) fn new(stream: StreamKey, mailbox: Arc<Mailbox>) -> Self {
        Self { stream, mailbox }
    }

    /// Queues a datagram for the peer: not an empty one, and while no more than 16 MiB of them wait for the event
    /// loop. Where it cannot be sent, `could_not_send_payload` says so; once for all that found no room at a time.
    pub fn send(&self, component_id: u16, datagram: &[u8]) {
        self.mailbox
            .post_datagram(self.stream, component_id, datagram);
    }

    pub(crate) fn message(&self, number: Option<u64>, message: Message) {
        self.mailbox
            .post(Command::Message(self.stream, number, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    /// Whether the loop has been woken since.
    fn is_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(1);
        let polled = poll.poll(&mut events, Some(Duration::ZERO));
        polled.expect("nothing interrupts it");
        !events.is_empty()
    }

    #[test]
    fn what_is_posted_wakes_the_loop_and_is_taken_in_order() {
        let mut poll = Poll::new().expect("the system can wait");
        let waker = mio::Waker::new(poll.registry(), Token(0)).expect("and be woken");
        let mailbox = Arc::new(Mailbox::new(waker));
        let outbox = Outbox::new(7, Arc::clone(&mailbox));
        let (mut commands, mut used) = (Vec::new(), Vec::new());
        for datagram in [&b"the first is long"[..], b"short"] {
            outbox.send(1, datagram);
            outbox.message(Some(3), Message::Close);
            assert!(is_woken(&mut poll));
            mailbox.take(&mut commands, &mut used);
            let [
                Command::Send(7, 1, sent),
                Command::Message(7, Some(3), Message::Close),
            ] = &mut commands[..]
            else {
                panic!("{commands:?}");
            };
            // Its buffer serves the next datagram.
            assert_eq!(*sent, datagram);
            used.push(std::mem::take(sent));
            commands.clear();
            mailbox.take(&mut commands, &mut used);
            assert!(commands.is_empty() && !is_woken(&mut poll));
        }
    }

    #[test]
    fn so_much_waits_and_what_has_no_room_is_told_first() {
        let poll = Poll::new().expect("the system can wait");
        let waker = mio::Waker::new(poll.registry(), Token(0)).expect("and be woken");
        let mailbox = Arc::new(Mailbox::new(waker));
        let outbox = |stream| Outbox::new(stream, Arc::clone(&mailbox));
        let (mut commands, mut used) = (Vec::new(), Vec::new());
        let datagram = vec![0; MAX_WAITING / 2];
        for _ in 0..2 {
            outbox(7).send(1, &datagram);
            outbox(7).send(1, &datagram);
            outbox(7).send(1, b"no room");
            outbox(7).send(1, b"nor for this");
            outbox(7).message(None, Message::Close);
            mailbox.take(&mut commands, &mut used);
            let [
                Command::Overflowed(7, 1, 2),
                Command::Send(7, 1, _),
                Command::Send(7, 1, _),
                Command::Message(7, None, Message::Close),
            ] = commands[..]
            else {
                panic!("{} commands", commands.len());
            };
            commands.clear();
        }
        // Small ones have their weight, too.
        for stream in 0..MAX_WAITING as u64 / 16 {
            outbox(stream).send(1, b"");
        }
        mailbox.take(&mut commands, &mut used);
        let sends = commands.iter().filter(|it| matches!(it, Command::Send(..)));
        assert_eq!(sends.count(), MAX_WAITING.div_ceil(size_of::<Command>()));
    }
}
