//! Two streams that belong together.
use super::datagram::Sender;
use handclasp::StreamRef;
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The handshake's roles; the first side is ICE's controlling one as well.
const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];

/// What two streams share.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) components: u16,
    by_sdp: bool,
    senders: [Sender; 2],
    lines: [Mutex<Line>; 2],
    /// Exported keys by component and label.
    keys: Mutex<HashMap<(u16, String), Vec<u8>>>,
}

/// The way to one side, which may not be open yet.
#[derive(Debug, Default)]
struct Line {
    stream: Option<StreamRef>,
    early: Vec<Message>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pair {
    pub(super) fn new(number: u64, components: u16, by_sdp: bool) -> Self {
        Self {
            components,
            by_sdp,
            senders: [Sender::new(number, 0), Sender::new(number, 1)],
            lines: Default::default(),
            keys: Mutex::default(),
        }
    }

    /// What this side sends.
    pub(super) fn sender(&self, side: usize) -> &Sender {
        &self.senders[side]
    }

    /// From now on this side can be reached.
    pub(super) fn connect(&self, side: usize, stream: &StreamRef) {
        let mut line = lock(&self.lines[side]);
        for message in line.early.drain(..) {
            let _ = stream.send(message); // it may have ended
        }
        line.stream = Some(stream.clone());
    }

    fn tell(&self, side: usize, message: Message) {
        let mut line = lock(&self.lines[side]);
        match &line.stream {
            Some(stream) => drop(stream.send(message)), // it may have ended
            None => line.early.push(message),
        }
    }

    /// What follows for both sides from what one was told.
    pub(super) fn signal(&self, side: usize, notification: &Notification) {
        let other = 1 - side;
        match notification {
            Notification::CandidateGatheringDone if self.by_sdp && side == 0 => {
                self.tell(side, Message::GenerateLocalSdp);
            }
            Notification::LocalSdp { sdp } if self.by_sdp => {
                let sdp = sdp.clone();
                self.tell(other, Message::ParseRemoteSdp { sdp });
                if other == 1 {
                    self.tell(other, Message::GenerateLocalSdp);
                }
            }
            _ if self.by_sdp => {}
            _ => {
                if let Some(message) = notification.for_peer(ROLES[other]) {
                    self.tell(other, message);
                }
            }
        }
    }

    /// Whether what one side exported contradicts what the other did.
    pub(super) fn key_differs(&self, component_id: u16, label: &str, key: &[u8]) -> bool {
        let mut keys = lock(&self.keys);
        let known = keys.entry((component_id, label.to_owned()));
        known.or_insert_with(|| key.to_vec()) != key
    }
}
