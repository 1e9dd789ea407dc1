//! What other threads ask of an event loop.
//!
//! What is for a stream waits in the stream's own [inbox](super::Inbox); here it is only said that something does.
use super::keys::{SocketKey, StreamKey};
use super::new_stream::NewStream;
use super::parcel::Parcel;
use super::shared_ports::SharedPorts;
use super::stream_driver::StreamDriver;
#[cfg(unix)]
use super::takeover::PassPorts;
use crate::ice::Mapping;
use crate::stream::Lookup;
use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a loop can be asked.
#[derive(Debug)]
pub(crate) enum Command {
    Open(Box<NewStream>),
    /// Something waits in the stream's inbox.
    Mail(StreamKey),
    Completed(StreamKey),
    Found(StreamKey, Lookup, Result<Vec<SocketAddr>, String>),
    /// Of an instance of the stream's.
    Wake(StreamKey, u64),
    /// There is a socket of the loop's on a port that all loops share.
    TakeSocket(SocketKey),
    /// Datagrams for streams of the loop's have arrived at another one.
    Handed(Parcel),
    /// A stream of another loop's is to come to this one, if that has sockets at its local addresses.
    Expect(Box<Moving>),
    /// Nothing of a stream's is on the way from there any more: it may move there.
    Expected(StreamKey, usize),
    /// A stream that has come to live on the loop.
    Adopt(Box<StreamDriver>),
    /// A stream that was expected does not come.
    Stays(StreamKey),
    /// Ports for streams to share.
    BindShared(Box<SharedPorts>),
    /// These are to be another process's, too.
    #[cfg(unix)]
    PassPorts(Box<PassPorts>),
    /// Sockets that another process has bound are this one's to receive by, once that does so no more.
    ReceiveInherited,
    /// Shared sockets have something to ask STUN servers.
    AskStun,
    /// A STUN server has told what is new of a shared socket.
    Mapped(Mapping),
    Shutdown,
}

/// A stream that is to move.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(super) stream: StreamKey,
    /// The number of the loop on which it lives.
    pub(super) home: usize,
    /// The addresses of its sockets.
    pub(super) locals: Vec<SocketAddr>,
}

/// A loop's mailbox.
///
/// It is bounded: streams that wait to be taken over by their number, what is for a stream by one entry for each,
/// completions and lookups by the instances and names of the streams, datagrams that other loops hand over by their
/// bytes, moves by the streams.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Bytes that wait in the inboxes of the loop's streams.
    waiting: AtomicUsize,
    /// Bytes that wait here of what other loops hand over.
    handed: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The loop's; it goes with the loop.
    waker: Option<Arc<mio::Waker>>,
    commands: Vec<Command>,
    /// How many of them open a stream.
    opening: usize,
    /// Nobody takes anything any more.
    is_closed: bool,
}

/// Why a stream was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    Full,
    Closed,
}

/// Most streams that wait for the loop to take them over.
pub(crate) const MAX_OPENING: usize = 4096;
/// Bytes that are kept for the next commands.
const KEPT: usize = 64 * 1024;

thread_local! {
    static IS_LOOP: Cell<bool> = const { Cell::new(false) };
}

/// An event loop runs on this thread.
pub(super) fn note_event_loop() {
    IS_LOOP.set(true);
}

/// Whether this is the thread of an event loop, of whatever host: it must wait for none, for that may wait for it.
pub(crate) fn is_on_event_loop() -> bool {
    IS_LOOP.get()
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        let state = State {
            waker: Some(Arc::new(waker)),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            handed: AtomicUsize::new(0),
        }
    }

    /// Posts a command whatever waits already; once nobody takes it, it is dropped.
    pub(crate) fn post(&self, command: Command) {
        drop(self.offer(command)); // what it holds takes its time
    }

    /// The same, but it is returned once nobody takes it.
    pub(super) fn offer(&self, command: Command) -> Option<Command> {
        let state = self.lock();
        if state.is_closed {
            return Some(command);
        }
        self.push(state, command);
        None
    }

    /// Posts a new stream, unless too many wait or nobody takes it any more.
    pub(crate) fn open(&self, new: Box<NewStream>) -> Result<(), NotOpened> {
        let mut state = self.lock();
        let refused = match &*state {
            state if state.is_closed => Some(NotOpened::Closed),
            state if state.opening >= MAX_OPENING => Some(NotOpened::Full),
            _ => None,
        };
        if let Some(refused) = refused {
            drop(state);
            drop(new); // the application's own code may run here
            return Err(refused);
        }
        state.opening += 1;
        self.push(state, Command::Open(new));
        Ok(())
    }

    fn push(&self, mut state: MutexGuard<'_, State>, command: Command) {
        let first = state.commands.is_empty();
        state.commands.push(command);
        let waker = first.then(|| state.waker.clone()).flatten();
        drop(state);
        if let Some(waker) = waker {
            // Only fails when the loop's poll is gone, and then nobody waits for this.
            let _ = waker.wake();
        }
    }

    /// Everything posted since, in exchange for `commands`, which are empty.
    pub(super) fn take(&self, commands: &mut Vec<Command>) {
        commands.shrink_to(KEPT / size_of::<Command>());
        let mut state = self.lock();
        std::mem::swap(&mut state.commands, commands);
        state.opening = 0;
    }

    /// From now on nothing is taken; what waits is returned.
    pub(super) fn close(&self) -> Vec<Command> {
        let mut state = self.lock();
        let state = std::mem::replace(
            &mut *state,
            State {
                is_closed: true,
                ..State::default()
            },
        );
        state.commands
    }

    /// Whether nobody takes anything any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Bytes that wait in the inboxes of the loop's streams.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// So many bytes more wait.
    pub(super) fn add_waiting(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes wait no more.
    pub(super) fn remove_waiting(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes that wait here of what other loops hand over.
    pub(super) fn handed(&self) -> usize {
        self.handed.load(Ordering::Relaxed)
    }

    /// So many bytes more wait.
    pub(super) fn add_handed(&self, bytes: usize) {
        self.handed.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes wait no more.
    pub(super) fn remove_handed(&self, bytes: usize) {
        self.handed.fetch_sub(bytes, Ordering::Relaxed);
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    pub(in crate::net) fn mailbox() -> (Poll, Arc<Mailbox>) {
        let poll = Poll::new().expect("the system can wait");
        let waker = mio::Waker::new(poll.registry(), Token(0)).expect("and be woken");
        (poll, Arc::new(Mailbox::new(waker)))
    }

    /// Whether the loop has been woken since.
    fn is_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(1);
        let polled = poll.poll(&mut events, Some(Duration::ZERO));
        polled.expect("nothing interrupts it");
        !events.is_empty()
    }

    #[test]
    fn what_is_posted_wakes_the_loop_and_is_taken_in_order() {
        let (mut poll, mailbox) = mailbox();
        let mut commands = Vec::new();
        for _ in 0..2 {
            mailbox.post(Command::Mail(7));
            mailbox.post(Command::Wake(7, 3));
            assert!(is_woken(&mut poll));
            mailbox.take(&mut commands);
            let [Command::Mail(7), Command::Wake(7, 3)] = commands[..] else {
                panic!("{commands:?}");
            };
            commands.clear();
            mailbox.take(&mut commands);
            assert!(commands.is_empty() && !is_woken(&mut poll));
        }
    }

    #[test]
    fn a_closed_mailbox_gives_back_what_waits_and_takes_nothing() {
        let (_poll, mailbox) = mailbox();
        mailbox.post(Command::Mail(7));
        assert!(!mailbox.is_closed());
        assert!(matches!(mailbox.close()[..], [Command::Mail(7)]));
        mailbox.post(Command::Mail(7));
        assert!(mailbox.is_closed() && mailbox.close().is_empty());
    }
}
