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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::net::mailbox::tests::mailbox;
    use std::net::SocketAddr;

    const STREAM: StreamKey = 7;

    fn handed(stream: StreamKey) -> Handed {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Handed {
            component: (stream, 1),
            local: at(1),
            remote: at(2),
            arrived: 0,
        }
    }

    /// The first of two loops, where the stream lives on the second one.
    fn first() -> Handover {
        let siblings = Siblings::new(vec![mailbox().1, mailbox().1]);
        siblings.settle(STREAM, 1);
        Handover::new(0, Arc::new(siblings))
    }

    /// The contents of the parcels that wait for the second loop.
    fn posted(handover: &Handover) -> Vec<Vec<Vec<u8>>> {
        let mut commands = Vec::new();
        handover.siblings.mailbox(1).take(&mut commands);
        let contents = |command| match command {
            Command::Handed(parcel) => parcel.iter().map(|(_, it)| it.to_vec()).collect(),
            other => panic!("{other:?}"),
        };
        commands.into_iter().map(contents).collect()
    }

    #[test]
    fn what_comes_in_a_turn_is_posted_together_and_nothing_for_nobody() {
        let mut handover = first();
        for content in [b"one", b"two"] {
            handover.hand_over(handed(STREAM), content);
            handover.hand_over(handed(8), b"for nobody");
        }
        assert!(
            posted(&handover).is_empty(),
            "not before the end of the turn"
        );
        handover.flush();
        handover.flush();
        assert_eq!(posted(&handover), [[b"one", b"two"]]);
        assert_eq!(handover.siblings.handovers().datagrams, 2);
    }

    #[test]
    fn so_much_waits_for_a_loop_that_takes_nothing_and_the_rest_is_counted() {
        let mut handover = first();
        let datagram = [0; 1200];
        for _ in 0..10_000 {
            handover.hand_over(handed(STREAM), &datagram);
            handover.flush();
        }
        let waiting = handover.siblings.mailbox(1).handed();
        assert!(
            (MAX_WAITING - 2000..=MAX_WAITING).contains(&waiting),
            "{waiting}"
        );
        let handovers = handover.siblings.handovers();
        assert_eq!(handovers.datagrams + handovers.dropped, 10_000);
        assert_eq!(posted(&handover).len() as u64, handovers.datagrams);
    }

    #[test]
    fn what_comes_for_a_stream_on_its_way_here_waits_for_it_behind_what_was_posted_before() {
        let mut handover = first();
        handover.hand_over(handed(STREAM), b"before");
        handover.hold(STREAM);
        handover.hand_over(handed(STREAM), b"meanwhile");
        handover.flush();
        assert_eq!(posted(&handover), [[b"before"]]);
        let held = handover.release(STREAM);
        let held: Vec<_> = held.iter().map(|(_, datagram)| datagram).collect();
        assert_eq!(held, [b"meanwhile"]);
        assert!(handover.release(STREAM).is_empty());
        handover.hold(STREAM);
        for _ in 0..1000 {
            handover.hand_over(handed(STREAM), &[0; 1200]);
        }
        assert!(handover.release(STREAM).bytes() <= MAX_HELD);
        assert!(handover.siblings.handovers().dropped > 0);
    }
}
