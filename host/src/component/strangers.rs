//! Datagrams from where the peer may be: its ICE can be ahead of ours, and what it sends right after must not be lost.
use crate::ice::Transport;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Most datagrams that wait for their address to answer a check.
const MAX_WAITING: usize = 8;
/// Most bytes of them together.
const MAX_BYTES: usize = 16 * 1024;

/// An address and what leads there.
type Source = (Transport, SocketAddr);

/// Most addresses whose drops are remembered; the latest.
const MAX_LOST: usize = 8;

/// Those that wait, in order, each with its number among the component's.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    waiting: VecDeque<(Source, u64, Vec<u8>)>,
    /// How many were dropped of an address.
    lost: VecDeque<(Source, u64)>,
}

/// What has come from one address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// What waited, in order.
    pub(super) datagrams: Vec<(u64, Vec<u8>)>,
    /// How many did not wait to the end.
    pub(super) lost: u64,
}

impl Strangers {
    /// Keeps a datagram. Returns the numbers of those that were dropped for it: the oldest ones of whoever has most.
    pub(super) fn keep(&mut self, source: Source, number: u64, datagram: &[u8]) -> Vec<u64> {
        let mut dropped = Vec::new();
        if datagram.len() > MAX_BYTES {
            self.note_lost(source);
            return vec![number];
        }
        while self.waiting.len() >= MAX_WAITING || self.bytes() + datagram.len() > MAX_BYTES {
            let count = |of: &Source| self.waiting.iter().filter(|(it, ..)| it == of).count();
            let places = 0..self.waiting.len();
            // The first of equals is the oldest.
            let loser = places
                .rev()
                .max_by_key(|place| count(&self.waiting[*place].0));
            let loser = loser.and_then(|place| self.waiting.remove(place));
            let (of, number, _) = loser.expect("something waits");
            self.note_lost(of);
            dropped.push(number);
        }
        self.waiting.push_back((source, number, datagram.to_vec()));
        dropped
    }

    fn note_lost(&mut self, source: Source) {
        if let Some((_, count)) = self.lost.iter_mut().find(|(of, _)| *of == source) {
            *count += 1;
            return;
        }
        if self.lost.len() == MAX_LOST {
            self.lost.pop_front();
        }
        self.lost.push_back((source, 1));
    }

    /// What has come from an address that is verified now.
    pub(super) fn take(&mut self, source: Source) -> Taken {
        let mut datagrams = Vec::new();
        for (of, number, datagram) in std::mem::take(&mut self.waiting) {
            match of == source {
                true => datagrams.push((number, datagram)),
                false => self.waiting.push_back((of, number, datagram)),
            }
        }
        let lost = self.lost.iter().position(|(of, _)| *of == source);
        let lost = lost.and_then(|place| self.lost.remove(place));
        Taken {
            datagrams,
            lost: lost.map_or(0, |(_, count)| count),
        }
    }

    /// Drops them all; returns their numbers.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        let all = self.waiting.drain(..);
        all.map(|(_, number, _)| number).collect()
    }

    fn bytes(&self) -> usize {
        self.waiting
            .iter()
            .map(|(.., datagram)| datagram.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, MAX_LOST, Strangers, Taken, Transport};

    fn source(port: u16) -> super::Source {
        (Transport::Udp, ([192, 0, 2, 1], port).into())
    }

    /// What is taken, if it is this.
    fn taken(datagrams: &[(u64, &[u8])], lost: u64) -> Taken {
        let datagrams = datagrams.iter();
        Taken {
            datagrams: datagrams
                .map(|(number, it)| (*number, it.to_vec()))
                .collect(),
            lost,
        }
    }

    #[test]
    fn whoever_sends_much_pushes_out_its_own() {
        let mut strangers = Strangers::default();
        assert!(strangers.keep(source(1), 0, b"hello").is_empty());
        let dropped = (1..=100).flat_map(|number| strangers.keep(source(2), number, b"more"));
        assert_eq!(dropped.collect::<Vec<_>>(), (1..=93).collect::<Vec<_>>());
        assert_eq!(strangers.take(source(1)), taken(&[(0, b"hello")], 0));
        let left: Vec<(u64, &[u8])> = (94..=100).map(|number| (number, &b"more"[..])).collect();
        assert_eq!(strangers.take(source(2)), taken(&left, 93));
        assert_eq!(strangers.take(source(2)), taken(&[], 0));
    }

    #[test]
    fn they_are_bounded_in_bytes_too() {
        let mut strangers = Strangers::default();
        assert_eq!(strangers.keep(source(1), 1, &[0; MAX_BYTES + 1]), [1]);
        assert!(strangers.keep(source(1), 2, &[1; MAX_BYTES]).is_empty());
        assert_eq!(strangers.keep(source(1), 3, &[2; MAX_BYTES]), [2]);
        assert_eq!(strangers.take(source(1)), taken(&[(3, &[2; MAX_BYTES])], 2));
    }

    #[test]
    fn the_drops_of_few_addresses_are_remembered() {
        let mut strangers = Strangers::default();
        for port in 1..=1000 {
            strangers.keep(source(port), 1, &[0; MAX_BYTES + 1]);
        }
        assert_eq!(strangers.lost.len(), MAX_LOST);
        assert_eq!(strangers.take(source(1000)), taken(&[], 1));
        assert_eq!(strangers.take(source(1)), taken(&[], 0));
    }
}
