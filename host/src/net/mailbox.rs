//! What other threads ask of an event loop, without an allocation per datagram.
use super::keys::StreamKey;
use super::new_stream::NewStream;
use crate::stream::{Lookup, Message};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a loop can be asked.
#[derive(Debug)]
pub(crate) enum Command {
    Open(Box<NewStream>),
    Message(StreamKey, Option<u64>, Message),
    /// A datagram of so many bytes, the next of the [`Mail`]'s.
    Send(StreamKey, u16, usize),
    /// So many datagrams of a component's had no room.
    Overflowed(StreamKey, u16, usize),
    Completed(StreamKey),
    Found(StreamKey, Lookup, Result<Vec<SocketAddr>, String>),
    /// Of an instance of the stream's.
    Wake(StreamKey, u64),
    /// Dropped at the end of the turn.
    Flush(SyncSender<()>),
    Shutdown,
}

/// What was posted, in order, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(super) commands: Vec<Command>,
    /// The datagrams of the commands, one behind the other.
    pub(super) datagrams: Vec<u8>,
}

/// A loop's mailbox.
///
/// It is bounded: datagrams and messages by the bytes that they take, completions and lookups by the instances and
/// names of the streams, and flushes by the threads that wait for them.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    waker: mio::Waker,
}

#[derive(Default)]
struct State {
    mail: Mail,
    /// Bytes that datagrams and what carries them take.
    waiting: usize,
    /// Bytes that each stream's messages take.
    messages: HashMap<StreamKey, usize>,
    /// How many datagrams of each component's had no room.
    overflowed: HashMap<(StreamKey, u16), usize>,
    /// Nobody takes anything any more.
    closed: bool,
}

/// Bytes that datagrams take beyond which no more are taken.
const MAX_WAITING: usize = 16 * 1024 * 1024;
/// Bytes that a stream's messages take beyond which no more are taken.
const MAX_MESSAGES: usize = 256 * 1024;
/// Bytes that are kept for the next datagrams or commands.
const KEPT: usize = 256 * 1024;

impl Mail {
    /// Makes it empty; memory that is seldom needed goes back.
    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.commands.shrink_to(KEPT / size_of::<Command>());
        self.datagrams.clear();
        self.datagrams.shrink_to(KEPT);
    }
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            state: Mutex::default(),
            waker,
        }
    }

    /// Posts a command whatever waits already; once nobody takes it, it is dropped.
    pub(crate) fn post(&self, command: Command) {
        let state = self.lock();
        match state.closed {
            false => self.push(state, command),
            true => {
                drop(state);
                drop(command); // a stream takes its time
            }
        }
    }

    /// Posts a new stream, unless nobody takes it any more.
    pub(crate) fn open(&self, new: Box<NewStream>) -> Result<(), Box<NewStream>> {
        let state = self.lock();
        if state.closed {
            return Err(new);
        }
        self.push(state, Command::Open(new));
        Ok(())
    }

    fn post_message(
        &self,
        stream: StreamKey,
        number: Option<u64>,
        message: Message,
    ) -> Result<(), PostError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PostError::Ended);
        }
        let waiting = state.messages.entry(stream).or_default();
        if *waiting >= MAX_MESSAGES {
            return Err(PostError::Full(message));
        }
        *waiting += size_of::<Command>() + message.heap();
        self.push(state, Command::Message(stream, number, message));
        Ok(())
    }

    fn post_datagram(&self, stream: StreamKey, component_id: u16, datagram: &[u8]) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.waiting >= MAX_WAITING {
            // The loop has been woken: others wait.
            let overflowed = state.overflowed.entry((stream, component_id));
            *overflowed.or_default() += 1;
            return;
        }
        state.waiting += size_of::<Command>() + datagram.len();
        state.mail.datagrams.extend_from_slice(datagram);
        self.push(state, Command::Send(stream, component_id, datagram.len()));
    }

    fn push(&self, mut state: MutexGuard<'_, State>, command: Command) {
        let first = state.mail.commands.is_empty();
        state.mail.commands.push(command);
        drop(state);
        if first {
            // Only fails when the loop's poll is gone, and then nobody waits for this.
            let _ = self.waker.wake();
        }
    }

    /// Everything posted since, in exchange for empty mail; first what had no room, so that it is told of before
    /// an end that was posted.
    pub(super) fn take(&self, mail: &mut Mail) {
        let mut state = self.lock();
        let state = &mut *state;
        std::mem::swap(&mut state.mail, mail);
        state.waiting = 0;
        state.messages.clear();
        let overflowed = state.overflowed.drain();
        let told = overflowed.map(|((key, id), count)| Command::Overflowed(key, id, count));
        mail.commands.splice(0..0, told);
    }

    /// From now on nothing is taken. What waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let mail = std::mem::take(&mut state.mail);
        drop(state);
        drop(mail); // streams take their time
    }

    /// Whether nobody takes anything any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
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

/// Why a message did not reach its stream's event loop.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// 256 KiB of the stream's messages wait for the event loop. This is the message that found no room.
    #[error("the event loop has not taken the messages before this one: flush, then send it again")]
    Full(Message),
    /// The event loop has ended, and the stream with it.
    #[error("the stream's event loop has ended: open another stream")]
    Ended,
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

    /// Waits until the event loop has done with all that it was sent before. Must not be called by an application
    /// that the loop calls: it would wait for itself.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(0);
        self.mailbox.post(Command::Flush(done));
        // It is dropped at the end of the turn, or with the loop.
        let _ = wait.recv();
    }

    pub(crate) fn message(&self, number: Option<u64>, message: Message) -> Result<(), PostError> {
        self.mailbox.post_message(self.stream, number, message)
    }

    /// Stops the stream, whatever waits before.
    pub(crate) fn stop(&self) {
        self.mailbox
            .post(Command::Message(self.stream, None, Message::Stop));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll, Token};
    use std::time::{Duration, Instant};

    fn mailbox() -> (Poll, Arc<Mailbox>) {
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
        let outbox = Outbox::new(7, Arc::clone(&mailbox));
        let mut mail = Mail::default();
        for _ in 0..2 {
            outbox.send(1, b"first");
            outbox
                .message(Some(3), Message::Close)
                .expect("there is room");
            outbox.send(2, b"and second");
            assert!(is_woken(&mut poll));
            mailbox.take(&mut mail);
            let [
                Command::Send(7, 1, 5),
                Command::Message(7, Some(3), Message::Close),
                Command::Send(7, 2, 10),
            ] = &mail.commands[..]
            else {
                panic!("{mail:?}");
            };
            assert_eq!(mail.datagrams, b"firstand second");
            mail.clear();
            mailbox.take(&mut mail);
            assert!(mail.commands.is_empty() && !is_woken(&mut poll));
        }
    }

    #[test]
    fn so_much_waits_and_what_has_no_room_is_told_first() {
        let (_poll, mailbox) = mailbox();
        let outbox = |stream| Outbox::new(stream, Arc::clone(&mailbox));
        let mut mail = Mail::default();
        let datagram = vec![0; MAX_WAITING / 2];
        for _ in 0..2 {
            outbox(7).send(1, &datagram);
            outbox(7).send(1, &datagram);
            outbox(7).send(1, b"no room");
            outbox(7).send(1, b"nor for this");
            outbox(7)
                .message(None, Message::Close)
                .expect("there is room");
            mailbox.take(&mut mail);
            let [
                Command::Overflowed(7, 1, 2),
                Command::Send(7, 1, _),
                Command::Send(7, 1, _),
                Command::Message(7, None, Message::Close),
            ] = mail.commands[..]
            else {
                panic!("{} commands", mail.commands.len());
            };
            mail.clear();
        }
        // Small ones have their weight, too.
        for stream in 0..MAX_WAITING as u64 / 16 {
            outbox(stream).send(1, b"");
        }
        mailbox.take(&mut mail);
        let sends = mail.commands.iter();
        let sends = sends.filter(|it| matches!(it, Command::Send(..)));
        assert_eq!(sends.count(), MAX_WAITING.div_ceil(size_of::<Command>()));
        mail.clear();
        assert!(mail.commands.capacity() * size_of::<Command>() <= KEPT);
    }

    #[test]
    fn a_stream_s_messages_have_a_bound_and_its_stop_has_none() {
        let (_poll, mailbox) = mailbox();
        let outbox = |stream| Outbox::new(stream, Arc::clone(&mailbox));
        let long = || Message::SetRemoteCredentials {
            credentials: "x".repeat(MAX_MESSAGES / 4),
            generation: None,
        };
        let mut mail = Mail::default();
        for _ in 0..2 {
            let sent = (0..10).map_while(|_| outbox(1).message(None, long()).ok());
            assert_eq!(sent.count(), 4);
            assert_eq!(
                outbox(1).message(None, long()),
                Err(PostError::Full(long()))
            );
            assert_eq!(outbox(2).message(None, long()), Ok(()));
            outbox(1).stop();
            mailbox.take(&mut mail);
            assert_eq!(mail.commands.len(), 6);
            mail.clear();
        }
    }

    #[test]
    fn a_closed_mailbox_takes_nothing_and_says_so() {
        let (_poll, mailbox) = mailbox();
        let outbox = Outbox::new(1, Arc::clone(&mailbox));
        let waiting = outbox.clone();
        let flush = std::thread::spawn(move || waiting.flush());
        let mut mail = Mail::default();
        let deadline = Instant::now() + Duration::from_secs(60);
        while mail.commands.is_empty() {
            assert!(Instant::now() < deadline, "nothing was posted");
            mailbox.take(&mut mail);
        }
        assert!(matches!(mail.commands[..], [Command::Flush(_)]));
        mail.clear();
        flush.join().expect("its command was dropped");
        assert!(!mailbox.is_closed());
        mailbox.close();
        outbox.flush();
        outbox.send(1, b"to nobody");
        assert_eq!(outbox.message(None, Message::Close), Err(PostError::Ended));
        mailbox.take(&mut mail);
        assert!(mail.commands.is_empty() && mail.datagrams.is_empty() && mailbox.is_closed());
    }
}
