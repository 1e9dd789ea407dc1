//! What the applications of many streams were told, in order.
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, Context};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long something may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What a stream's application saw.
#[derive(Debug)]
pub(crate) enum Seen {
    Notified(Notification),
    Received,
    Answered(Option<u64>, Result<(), Refused>),
    Dropped,
}

/// Tells what it sees, with its number.
pub(crate) struct Reporter {
    number: usize,
    seen: Sender<(usize, Seen)>,
}

pub(crate) struct Reports {
    sender: Sender<(usize, Seen)>,
    seen: Receiver<(usize, Seen)>,
}

impl Reports {
    pub(crate) fn new() -> Self {
        let (sender, seen) = channel();
        Self { sender, seen }
    }

    pub(crate) fn reporter(&self, number: usize) -> Reporter {
        Reporter {
            number,
            seen: self.sender.clone(),
        }
    }

    pub(crate) fn next(&self) -> (usize, Seen) {
        self.seen.recv_timeout(PATIENCE).expect("something happens")
    }

    /// What was seen already.
    pub(crate) fn drain(&self) -> Vec<(usize, Seen)> {
        self.seen.try_iter().collect()
    }

    /// All that is seen until the application with this number is dropped.
    pub(crate) fn until_dropped(&self, number: usize) -> Vec<(usize, Seen)> {
        let mut all = Vec::new();
        loop {
            let seen = self.next();
            let is_last = matches!(seen, (of, Seen::Dropped) if of == number);
            all.push(seen);
            if is_last {
                return all;
            }
        }
    }
}

impl Reporter {
    fn report(&self, seen: Seen) {
        // The test may be over.
        let _ = self.seen.send((self.number, seen));
    }
}

impl Application for Reporter {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        self.report(Seen::Notified(notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {
        self.report(Seen::Received);
    }

    fn answer(&mut self, _: &mut Context<'_>, number: Option<u64>, answer: Result<(), Refused>) {
        self.report(Seen::Answered(number, answer));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.report(Seen::Dropped);
    }
}

/// A message that is always taken and changes nothing.
pub(crate) fn nothing_new() -> Message {
    Message::PeerCandidateGatheringDone
}
