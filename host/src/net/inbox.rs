//! What waits for a stream: messages and datagrams of the application's, in order, without an allocation for each datagram.
use super::keys::StreamKey;
use super::mailbox::{Command, Mailbox};
use super::stream_ref::{Queued, SendError};
use crate::stream::Message;
use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stream's inbox, in which any thread puts what its event loop takes.
///
/// It is bounded by the bytes that messages and datagrams take, and flushes by the threads that wait for them.
#[derive(Debug)]
pub(crate) struct Inbox {
    stream: StreamKey,
    state: Mutex<State>,
}

/// What can wait.
#[derive(Debug)]
pub(super) enum Item {
    Message(Option<u64>, Message),
    /// A datagram of a component's of so many bytes, the next of the datagrams.
    Datagram(u16, usize),
    /// Dropped at the end of the turn.
    Flush(SyncSender<()>),
}

/// What was taken at a time, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) items: Vec<Item>,
    /// The datagrams of the items, one behind the other.
    pub(super) datagrams: Vec<u8>,
    /// Whether the stream is to stop behind them.
    pub(super) stop: bool,
    /// What they count in a turn.
    pub(super) cost: usize,
}

#[derive(Debug)]
struct State {
    /// Of the loop on which the stream lives.
    mailbox: Arc<Mailbox>,
    items: VecDeque<Item>,
    datagrams: VecDeque<u8>,
    queued: Queued,
    /// How many items are before the stream's stop.
    stop: Option<usize>,
    /// The loop knows that something waits.
    is_told: bool,
    /// Nobody takes anything any more.
    is_closed: bool,
}

/// Bytes that a stream's messages take beyond which no more are taken.
const MAX_MESSAGES: usize = 256 * 1024;
/// Bytes that a stream's datagrams take beyond which no more are taken.
const MAX_DATAGRAMS: usize = 1024 * 1024;
/// The same for all streams of a loop, of which each may have its share in any case.
const MAX_WAITING: usize = 16 * 1024 * 1024;
const SHARE: usize = 64 * 1024;
/// No datagram of UDP is longer.
pub(super) const LONGEST: usize = 65_535;
/// What is taken at a time: a datagram counts once, and a message as often as it may take longer.
const AT_A_TIME: usize = 128;
const MESSAGE: usize = 16;
/// Bytes of memory that are kept for what comes next.
const KEPT: usize = 4096;

impl Inbox {
    pub(super) fn new(stream: StreamKey, mailbox: Arc<Mailbox>) -> Self {
        Self {
            stream,
            state: Mutex::new(State::new(mailbox)),
        }
    }

    pub(super) fn stream(&self) -> StreamKey {
        self.stream
    }

    pub(super) fn put_message(
        &self,
        number: Option<u64>,
        message: Message,
    ) -> Result<(), SendError> {
        let state = self.open_state()?;
        if state.queued.message_bytes >= MAX_MESSAGES {
            return Err(SendError::Full);
        }
        self.put(state, Item::Message(number, message), &[]);
        Ok(())
    }

    pub(super) fn put_datagram(&self, component_id: u16, datagram: &[u8]) -> Result<(), SendError> {
        if datagram.len() > LONGEST {
            return Err(SendError::TooLong);
        }
        let state = self.open_state()?;
        let waiting = state.queued.payload_bytes;
        let is_full =
            waiting >= MAX_DATAGRAMS || waiting >= SHARE && state.mailbox.waiting() >= MAX_WAITING;
        if is_full {
            return Err(SendError::Full);
        }
        self.put(
            state,
            Item::Datagram(component_id, datagram.len()),
            datagram,
        );
        Ok(())
    }

    pub(super) fn put_flush(&self, done: SyncSender<()>) -> Result<(), SendError> {
        let state = self.open_state()?;
        self.put(state, Item::Flush(done), &[]);
        Ok(())
    }

    /// Whatever waits before.
    pub(super) fn put_stop(&self) {
        if let Ok(mut state) = self.open_state() {
            let before = state.items.len();
            state.stop.get_or_insert(before);
            self.tell(state);
        }
    }

    pub(super) fn queued(&self) -> Queued {
        self.lock().queued
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, SendError> {
        let state = self.lock();
        match state.is_closed {
            false => Ok(state),
            true if state.mailbox.is_closed() => Err(SendError::HostEnded),
            true => Err(SendError::Ended),
        }
    }

    fn put(&self, mut state: MutexGuard<'_, State>, item: Item, datagram: &[u8]) {
        let bytes = state.queued.add(&item);
        state.mailbox.add_waiting(bytes);
        let written = state.datagrams.write_all(datagram);
        written.expect("memory takes it");
        state.items.push_back(item);
        self.tell(state);
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::replace(&mut state.is_told, true) {
            return;
        }
        let mailbox = Arc::clone(&state.mailbox);
        drop(state);
        mailbox.post(Command::Mail(self.stream));
    }

    /// The stream moves to another loop, which has to look for itself what waits: nothing of it is told there, and what
    /// is told at the loop before from now on says nothing.
    pub(super) fn move_to(&self, mailbox: &Arc<Mailbox>) {
        let mut state = self.lock();
        let bytes = state.queued.bytes();
        state.mailbox.remove_waiting(bytes);
        mailbox.add_waiting(bytes);
        state.mailbox = Arc::clone(mailbox);
        state.is_told = true;
    }

    /// Takes some of what waits, into `mail`, which is empty. Returns whether there is more.
    pub(super) fn take(&self, mail: &mut Mail) -> bool {
        let mut state = self.lock();
        let mut count = 0;
        while count < AT_A_TIME
            && state.stop != Some(0)
            && let Some(item) = state.items.pop_front()
        {
            if let Some(before) = &mut state.stop {
                *before -= 1;
            }
            count += match &item {
                Item::Message(..) => MESSAGE,
                Item::Datagram(..) | Item::Flush(_) => 1,
            };
            let bytes = state.queued.remove(&item);
            state.mailbox.remove_waiting(bytes);
            if let Item::Datagram(_, length) = item {
                let (front, back) = state.datagrams.as_slices();
                let cut = length.min(front.len());
                mail.datagrams.extend_from_slice(&front[..cut]);
                mail.datagrams.extend_from_slice(&back[..length - cut]);
                state.datagrams.drain(..length);
            }
            mail.items.push(item);
        }
        let is_empty = state.items.is_empty();
        if is_empty {
            state.items.shrink_to(KEPT / size_of::<Item>());
            state.datagrams.shrink_to(KEPT);
        }
        mail.cost = count;
        mail.stop = state.stop == Some(0);
        state.is_told = !is_empty;
        !is_empty
    }

    /// From now on nothing is taken; what waits is returned.
    pub(super) fn close(&self) -> Vec<Item> {
        let mut state = self.lock();
        let mailbox = Arc::clone(&state.mailbox);
        let left = std::mem::replace(&mut *state, State::new(mailbox));
        state.is_closed = true;
        drop(state);
        left.mailbox.remove_waiting(left.queued.bytes());
        left.items.into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            items: VecDeque::new(),
            datagrams: VecDeque::new(),
            queued: Queued::default(),
            stop: None,
            is_told: false,
            is_closed: false,
        }
    }
}

impl Queued {
    /// Returns how many bytes it takes.
    fn add(&mut self, item: &Item) -> usize {
        let bytes = item.bytes();
        match item {
            Item::Message(..) => {
                self.messages += 1;
                self.message_bytes += bytes;
            }
            Item::Datagram(..) => {
                self.payloads += 1;
                self.payload_bytes += bytes;
            }
            Item::Flush(_) => {}
        }
        bytes
    }

    fn remove(&mut self, item: &Item) -> usize {
        let bytes = item.bytes();
        match item {
            Item::Message(..) => {
                self.messages -= 1;
                self.message_bytes -= bytes;
            }
            Item::Datagram(..) => {
                self.payloads -= 1;
                self.payload_bytes -= bytes;
            }
            Item::Flush(_) => {}
        }
        bytes
    }

    fn bytes(&self) -> usize {
        self.message_bytes + self.payload_bytes
    }
}

impl Item {
    /// Bytes that it takes, with what carries it.
    fn bytes(&self) -> usize {
        match self {
            Self::Message(_, message) => size_of::<Self>() + message.heap(),
            Self::Datagram(_, length) => size_of::<Self>() + length,
            Self::Flush(_) => 0,
        }
    }
}

impl Mail {
    /// Makes it empty; memory that is seldom needed goes back.
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.datagrams.clear();
        self.datagrams.shrink_to(SHARE);
        self.stop = false;
        self.cost = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::mailbox::tests::mailbox;

    fn is_told(mailbox: &Mailbox) -> bool {
        let mut commands = Vec::new();
        mailbox.take(&mut commands);
        !commands.is_empty()
    }

    #[test]
    fn what_is_put_is_taken_in_order_and_told_once() {
        let (_poll, mailbox) = mailbox();
        let inbox = Inbox::new(7, Arc::clone(&mailbox));
        let mut mail = Mail::default();
        for _ in 0..2 {
            inbox.put_datagram(1, b"first").expect("there is room");
            let put = inbox.put_message(Some(3), Message::Close);
            put.expect("there is room");
            inbox.put_datagram(2, b"and second").expect("there is room");
            assert!(is_told(&mailbox) && !is_told(&mailbox));
            assert!(!inbox.take(&mut mail));
            let [
                Item::Datagram(1, 5),
                Item::Message(Some(3), Message::Close),
                Item::Datagram(2, 10),
            ] = &mail.items[..]
            else {
                panic!("{mail:?}");
            };
            assert_eq!(mail.datagrams, b"firstand second");
            assert_eq!((inbox.queued(), mailbox.waiting()), (Queued::default(), 0));
            mail.clear();
        }
    }

    #[test]
    fn a_turn_takes_so_much_and_is_told_of_the_rest() {
        let (_poll, mailbox) = mailbox();
        let inbox = Inbox::new(7, Arc::clone(&mailbox));
        let (mut mail, mut taken, mut turns) = (Mail::default(), Vec::new(), 1);
        for number in 0..500_u16 {
            let put = inbox.put_datagram(1, &number.to_be_bytes());
            put.expect("there is room");
            let put = inbox.put_message(None, Message::GenerateLocalSdp);
            put.expect("there is room");
        }
        inbox.put_stop();
        while inbox.take(&mut mail) {
            assert!(mail.items.len() <= AT_A_TIME && !mail.stop);
            taken.extend_from_slice(&mail.datagrams);
            mail.clear();
            turns += 1;
        }
        taken.extend_from_slice(&mail.datagrams);
        assert!(mail.stop, "behind all of it");
        assert!(
            turns >= 500 * (1 + MESSAGE) / (AT_A_TIME + MESSAGE),
            "{turns}"
        );
        let expected: Vec<u8> = (0..500_u16).flat_map(u16::to_be_bytes).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn messages_and_datagrams_have_bounds_and_the_stop_has_none() {
        let (_poll, mailbox) = mailbox();
        let inbox = Inbox::new(1, Arc::clone(&mailbox));
        let long = || Message::SetRemoteCredentials {
            credentials: "x".repeat(MAX_MESSAGES / 4),
            generation: None,
        };
        let sent = (0..10).map_while(|_| inbox.put_message(None, long()).ok());
        assert_eq!(sent.count(), 4);
        assert_eq!(inbox.put_message(None, long()), Err(SendError::Full));
        let datagram = [0; MAX_DATAGRAMS / 16 - 1];
        let sent = (0..20).map_while(|_| inbox.put_datagram(1, &datagram).ok());
        assert_eq!(sent.count(), 16);
        assert_eq!(
            inbox.put_datagram(1, &[0; LONGEST + 1]),
            Err(SendError::TooLong)
        );
        assert_eq!(inbox.put_datagram(1, b"more"), Err(SendError::Full));
        let queued = inbox.queued();
        assert_eq!((queued.messages, queued.payloads), (4, 16));
        assert_eq!(mailbox.waiting(), queued.bytes());
        inbox.put_stop();
        let (mut mail, mut more) = (Mail::default(), true);
        while more {
            mail.clear();
            more = inbox.take(&mut mail);
        }
        assert!(mail.stop);
        // Small ones have their weight, too.
        let sent = (0..MAX_DATAGRAMS).map_while(|_| inbox.put_datagram(1, b"").ok());
        assert_eq!(sent.count(), MAX_DATAGRAMS.div_ceil(size_of::<Item>()));
    }

    #[test]
    fn a_stop_comes_behind_what_was_put_before_it_however_much_comes_later() {
        let (_poll, mailbox) = mailbox();
        let inbox = Inbox::new(1, Arc::clone(&mailbox));
        let put =
            |count| (0..count).for_each(|_| inbox.put_datagram(1, b"x").expect("there is room"));
        let (mut mail, mut taken) = (Mail::default(), 0);
        put(300);
        inbox.put_stop();
        while !mail.stop {
            mail.clear();
            put(200);
            inbox.put_stop();
            assert!(inbox.take(&mut mail), "more has come");
            taken += mail.items.len();
        }
        assert_eq!(taken, 300);
    }

    #[test]
    fn many_streams_have_one_bound_and_each_its_share_of_it() {
        let (_poll, mailbox) = mailbox();
        let inboxes: Vec<_> = (0..100)
            .map(|stream| Inbox::new(stream, Arc::clone(&mailbox)))
            .collect();
        let datagram = [0; 1200];
        for inbox in &inboxes {
            while inbox.put_datagram(1, &datagram).is_ok() {}
        }
        let most = MAX_WAITING + inboxes.len() * (SHARE + 2000);
        assert!(mailbox.waiting() <= most, "{}", mailbox.waiting());
        let last = inboxes[99].queued().payload_bytes;
        assert!(last >= SHARE, "{last}");
    }

    #[test]
    fn an_inbox_that_moves_keeps_what_waits_in_order_and_is_told_at_its_new_loop_alone() {
        let [(_poll, old), (_other, new)] = [(); 2].map(|()| mailbox());
        let inbox = Inbox::new(7, Arc::clone(&old));
        inbox.put_datagram(1, b"before").expect("there is room");
        assert!(is_told(&old));
        inbox.move_to(&new);
        inbox.put_datagram(1, b" and after").expect("there is room");
        assert!(!is_told(&old) && !is_told(&new), "the new one looks itself");
        assert_eq!(old.waiting(), 0);
        assert_eq!(new.waiting(), inbox.queued().bytes());
        let mut mail = Mail::default();
        assert!(!inbox.take(&mut mail));
        assert_eq!(mail.datagrams, b"before and after");
        inbox.put_stop();
        assert!(!is_told(&old) && is_told(&new));
        old.close();
        inbox.close();
        assert_eq!(inbox.put_datagram(1, b""), Err(SendError::Ended));
    }

    #[test]
    fn a_closed_inbox_gives_back_what_waits_and_says_so() {
        let (_poll, mailbox) = mailbox();
        let inbox = Inbox::new(1, Arc::clone(&mailbox));
        let put = inbox.put_message(Some(1), Message::Close);
        put.expect("there is room");
        inbox.put_datagram(1, b"left").expect("there is room");
        let left = inbox.close();
        assert!(matches!(
            left[..],
            [Item::Message(Some(1), Message::Close), Item::Datagram(1, 4)]
        ));
        assert_eq!(mailbox.waiting(), 0);
        assert_eq!(inbox.put_datagram(1, b""), Err(SendError::Ended));
        assert_eq!(
            inbox.put_message(None, Message::Close),
            Err(SendError::Ended)
        );
        mailbox.close();
        assert_eq!(inbox.put_datagram(1, b""), Err(SendError::HostEnded));
        inbox.put_stop();
        assert!(!inbox.take(&mut Mail::default()));
    }
}
