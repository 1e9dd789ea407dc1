//! Datagrams that arrive at another event loop than their stream's.
//!
//! Where loops take from one port, the system chooses at which of them a datagram arrives. Those for streams of another
//! loop are copied, and posted to it in batches, at the end of what a turn takes from sockets. They have passed the port's
//! [directory](super::demux) where they arrived, so the rules and budgets for strangers and floods hold before anything
//! is copied.
use super::id_map::IdMap;
use super::keys::StreamKey;
use super::mailbox::Command;
use super::parcel::{Handed, Parcel};
use super::siblings::Siblings;
use std::sync::Arc;

/// What one loop has for the others.
#[derive(Debug, Default)]
pub(super) struct Handover {
    number: usize,
    siblings: Arc<Siblings>,
    /// For each loop.
    outgoing: Vec<Parcel>,
    /// Whether something is for any of them.
    is_waiting: bool,
    /// What has come for streams that are on their way here.
    held: IdMap<StreamKey, Parcel>,
}

/// Bytes that wait for a loop at most, with what carries them: as many as are kept in a socket that is shared.
const MAX_WAITING: usize = 4 * 1024 * 1024;
/// Bytes that are kept for a stream on its way.
const MAX_HELD: usize = 512 * 1024;

impl Handover {
    /// For the loop with this number.
    pub(super) fn new(number: usize, siblings: Arc<Siblings>) -> Self {
        Self {
            number,
            outgoing: (0..siblings.count()).map(|_| Parcel::default()).collect(),
            siblings,
            is_waiting: false,
            held: IdMap::default(),
        }
    }

    /// The number of the loop whose this is.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn siblings(&self) -> &Arc<Siblings> {
        &self.siblings
    }

    /// A datagram has come for a stream that does not live here: it goes where that lives, or waits here for a stream on
    /// its way. One for a stream that has ended goes nowhere.
    pub(super) fn hand_over(&mut self, handed: Handed, datagram: &[u8]) {
        let (stream, _) = handed.component;
        let counter = self.siblings.counter();
        if !self.held.is_empty()
            && let Some(parcel) = self.held.get_mut(&stream)
        {
            if parcel.bytes() + Parcel::weight(datagram) > MAX_HELD {
                return counter.dropped(1);
            }
            return parcel.push(handed, datagram);
        }
        let Some(home) = self.siblings.home_of(stream) else {
            return;
        };
        if home == self.number {
            return;
        }
        let parcel = &mut self.outgoing[home];
        let waiting = self.siblings.mailbox(home).handed() + parcel.bytes();
        if waiting + Parcel::weight(datagram) > MAX_WAITING {
            return counter.dropped(1);
        }
        parcel.push(handed, datagram);
        self.is_waiting = true;
    }

    /// Posts what waits for other loops.
    pub(super) fn flush(&mut self) {
        if !std::mem::take(&mut self.is_waiting) {
            return;
        }
        for (number, parcel) in self.outgoing.iter_mut().enumerate() {
            if parcel.is_empty() {
                continue;
            }
            let parcel = std::mem::take(parcel);
            let mailbox = self.siblings.mailbox(number);
            self.siblings.counter().handed(parcel.len());
            mailbox.add_handed(parcel.bytes());
            mailbox.post(Command::Handed(parcel));
        }
    }

    /// A parcel was taken from the mailbox.
    pub(super) fn taken(&self, parcel: &Parcel) {
        let mailbox = self.siblings.mailbox(self.number);
        mailbox.remove_handed(parcel.bytes());
    }

    /// A stream is to come here: from now on what arrives for it waits here, and what arrived before has been posted to
    /// where it lives.
    pub(super) fn hold(&mut self, stream: StreamKey) {
        self.flush();
        self.held.entry(stream).or_default();
    }

    /// What has come since for a stream that has come, or does not come.
    pub(super) fn release(&mut self, stream: StreamKey) -> Parcel {
        self.held.remove(&stream).unwrap_or_default()
    }

    /// Passes on what is for a stream that may live elsewhere by now.
    pub(super) fn forward(&self, stream: StreamKey, command: Command) {
        let home = self.siblings.home_of(stream);
        if let Some(home) = home.filter(|home| *home != self.number) {
            self.siblings.mailbox(home).post(command);
        }
    }
}
