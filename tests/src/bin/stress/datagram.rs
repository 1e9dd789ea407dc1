//! Numbered datagrams from one peer to the other: each says whose it is, and which.
use handclasp::SendError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most components of a stream here.
pub(super) const COMPONENTS: u16 = 2;
/// Most bytes of a datagram.
const MOST: usize = 1200;
/// A first byte that is neither STUN nor DTLS (RFC 7983).
const FIRST: u8 = 0x80;
/// First byte, way, component, side, pair, number.
const HEADER: usize = 4 + 8 + 8;

/// How a datagram is sent; each way has an order of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Queue,
    Reply,
}

/// The numbers of the datagrams that go one way, of one component.
#[derive(Debug, Default)]
struct Lane {
    next: AtomicU64,
    /// So that they are sent in the order of their numbers.
    order: Mutex<()>,
}

/// What one side of a pair sends.
#[derive(Debug)]
pub(super) struct Sender {
    pair: u64,
    side: u8,
    lanes: [[Lane; COMPONENTS as usize]; 2],
}

/// What the other side has received: for each lane, the least number that may come.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    next: [[u64; COMPONENTS as usize]; 2],
}

impl Sender {
    pub(super) fn new(pair: u64, side: u8) -> Self {
        Self {
            pair,
            side,
            lanes: Default::default(),
        }
    }

    /// Sends the next datagram of a lane, of about so many bytes.
    pub(super) fn send(
        &self,
        way: Way,
        component_id: u16,
        length: usize,
        send: impl FnOnce(&[u8]) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let lane = &self.lanes[way as usize][usize::from(component_id - 1)];
        let _order = lane.order.lock().unwrap_or_else(PoisonError::into_inner);
        let number = lane.next.fetch_add(1, Ordering::Relaxed);
        send(&self.datagram(way, component_id, number, length))
    }

    fn datagram(&self, way: Way, component_id: u16, number: u64, length: usize) -> Vec<u8> {
        let mut datagram = vec![FIRST, way as u8, component_id.to_be_bytes()[1], self.side];
        datagram.extend(self.pair.to_be_bytes());
        datagram.extend(number.to_be_bytes());
        let length = length.clamp(HEADER, MOST);
        datagram.extend((HEADER..length).map(|place| filler(number, place)));
        datagram
    }
}

fn filler(number: u64, place: usize) -> u8 {
    number.to_be_bytes()[7] ^ place.to_be_bytes()[7]
}

impl Receiver {
    /// Whether a datagram that came to a component is another stream's: a port is bound again soon after its stream has
    /// ended, and who still sends to that one sends to the next. Nothing in UDP tells, and payloads are not encrypted.
    pub(super) fn is_anothers(sender: &Sender, component_id: u16, datagram: &[u8]) -> bool {
        let Some([first, way, component, side, pair @ ..]) = datagram.first_chunk::<12>() else {
            return false;
        };
        let is_its_own = *first == FIRST
            && *way <= 1
            && u16::from(*component) == component_id
            && *side == sender.side
            && pair[..] == sender.pair.to_be_bytes();
        !is_its_own
    }

    /// What is wrong with a datagram of this sender's.
    pub(super) fn take(
        &mut self,
        sender: &Sender,
        component_id: u16,
        datagram: &[u8],
    ) -> Result<(), String> {
        let wrong = |what: &str| {
            let start = &datagram[..datagram.len().min(HEADER)];
            format!(
                "pair {} component {component_id}: {what}: {start:02x?}",
                sender.pair
            )
        };
        let Some((header, rest)) = datagram.split_at_checked(HEADER) else {
            return Err(wrong("cut off"));
        };
        let way = header[1];
        let number = u64::from_be_bytes(header[12..].try_into().expect("there are eight"));
        let (way, place) = (usize::from(way), usize::from(component_id - 1));
        if number >= sender.lanes[way][place].next.load(Ordering::Relaxed) {
            return Err(wrong("never sent"));
        }
        let is_whole = rest
            .iter()
            .zip(HEADER..)
            .all(|(byte, place)| *byte == filler(number, place));
        if !is_whole {
            return Err(wrong("changed on its way"));
        }
        let next = &mut self.next[way][place];
        if number < *next {
            return Err(wrong(&format!(
                "twice or out of order, after {}",
                *next - 1
            )));
        }
        *next = number + 1;
        Ok(())
    }
}
