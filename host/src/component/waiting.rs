//! What waits for its turn at an instance, in order and bounded.
use std::collections::VecDeque;

/// What waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// ICE has a selected pair.
    Ready,
    /// The next key that is asked for.
    Export,
    /// A datagram, with its number among the component's that had to wait.
    Datagram(u64, Vec<u8>),
}

/// What waits for its turn, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Waiting>,
    datagrams: usize,
    /// What the datagrams take in memory.
    bytes: usize,
}

/// Most bytes of memory that waiting datagrams take: those of four of the largest flights that the contract allows
/// (`HC_MAX_PACKET_BYTES`), and more than Linux keeps for a socket by default: what arrives at one time waits whole.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// What a datagram takes beside itself: its place in a queue that doubles its room when it is full, and what an
/// allocator adds.
const OVERHEAD: usize = 2 * size_of::<Waiting>() + 16;

/// Bytes of memory that a datagram of this length takes in a queue.
pub(super) fn cost(length: usize) -> usize {
    OVERHEAD + length.next_multiple_of(16)
}

impl Queue {
    /// Whether a datagram of this length may wait, too.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.bytes + cost(length) <= MAX_BYTES
    }

    /// How many datagrams wait.
    pub(super) fn datagrams(&self) -> usize {
        self.datagrams
    }

    pub(super) fn push(&mut self, item: Waiting) {
        if let Waiting::Datagram(_, datagram) = &item {
            self.datagrams += 1;
            self.bytes += cost(datagram.len());
        }
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let item = self.items.pop_front();
        self.note_gone(item.as_ref());
        item
    }

    /// Takes out the datagram that has waited longest, and returns its number.
    pub(super) fn pop_datagram(&mut self) -> Option<u64> {
        let is_datagram = |item: &Waiting| matches!(item, Waiting::Datagram(..));
        let oldest = self.items.iter().position(is_datagram)?;
        let item = self.items.remove(oldest);
        self.note_gone(item.as_ref());
        match item {
            Some(Waiting::Datagram(number, _)) => Some(number),
            _ => None,
        }
    }

    /// Takes out the datagrams that are not kept, in order.
    pub(super) fn extract(&mut self, mut keep: impl FnMut(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        for item in std::mem::take(self).items {
            match item {
                Waiting::Datagram(_, datagram) if !keep(&datagram) => taken.push(datagram),
                item => self.push(item),
            }
        }
        taken
    }

    fn note_gone(&mut self, item: Option<&Waiting>) {
        if let Some(Waiting::Datagram(_, datagram)) = item {
            self.datagrams -= 1;
            self.bytes -= cost(datagram.len());
        }
        if self.items.is_empty() {
            self.items = VecDeque::new(); // its room may be that of thousands
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(length: usize) -> Queue {
        let mut queue = Queue::default();
        for number in 0.. {
            if !queue.has_room(length) {
                break;
            }
            queue.push(Waiting::Datagram(number, vec![7; length]));
        }
        queue
    }

    #[test]
    fn small_datagrams_are_counted_as_what_they_take() {
        for (length, most) in [(1, 3_000), (100, 1_500), (1200, 210), (65_507, 3)] {
            let queue = fill(length);
            assert!(
                queue.datagrams() <= most,
                "{} of {length}",
                queue.datagrams()
            );
            assert!(queue.datagrams() * length * 2 >= MAX_BYTES * usize::from(length >= 100));
            let room = queue.items.capacity() * size_of::<Waiting>();
            let contents = queue.datagrams() * length.max(24).next_multiple_of(16);
            assert!(room + contents <= MAX_BYTES, "{room} and {contents} bytes");
        }
    }

    #[test]
    fn what_leaves_makes_room_and_order_stays() {
        let mut queue = fill(1200);
        let count = queue.datagrams() as u64;
        queue.push(Waiting::Ready);
        assert_eq!(queue.pop_datagram(), Some(0));
        assert!(queue.has_room(1200) && !queue.has_room(2 * 1200));
        for number in 1..count {
            let next = queue.pop();
            assert!(matches!(next, Some(Waiting::Datagram(it, _)) if it == number));
        }
        assert_eq!((queue.pop(), queue.pop()), (Some(Waiting::Ready), None));
        assert_eq!((queue.datagrams(), queue.bytes), (0, 0));
    }

    #[test]
    fn what_is_not_kept_is_taken_out_in_order() {
        let mut queue = Queue::default();
        for (number, datagram) in [(1, b"a"), (2, b"?"), (3, b"b")] {
            queue.push(Waiting::Datagram(number, datagram.to_vec()));
        }
        assert_eq!(queue.extract(|datagram| datagram == b"?"), [b"a", b"b"]);
        assert_eq!(queue.pop(), Some(Waiting::Datagram(2, b"?".to_vec())));
        assert_eq!(queue.bytes, 0);
    }
}
