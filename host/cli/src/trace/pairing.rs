use handclasp::trace::{Datagram, Direction, Fate, Kind, Trace, What};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

/// Which arrival belongs to which departure, where a trace has both sides. Found by the addresses, which a NAT
/// between the two would hide, and by what else is the same at both ends.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// By the index of the departure: that of the arrival, and the other way round.
    other_end: HashMap<usize, usize>,
}

/// What is the same of a datagram at both ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Sign<'a> {
    from: SocketAddr,
    to: SocketAddr,
    bytes: u16,
    kind: Kind,
    transaction: Option<&'a str>,
}

impl Pairing {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut pairing = Self::default();
        let mut under_way: HashMap<(Sign<'_>, &str), VecDeque<usize>> = HashMap::new();
        let streams = trace.records.iter().map(|record| record.stream.as_str());
        let streams: BTreeSet<&str> = streams.collect();
        for (index, record) in trace.records.iter().enumerate() {
            let What::Datagram(datagram) = &record.what else {
                continue;
            };
            let sign = sign(datagram);
            match datagram.direction {
                Direction::Out if datagram.fate == Some(Fate::Lost) => {}
                Direction::Out => {
                    let sender = record.stream.as_str();
                    under_way
                        .entry((sign, sender))
                        .or_default()
                        .push_back(index);
                }
                Direction::In => {
                    // The first of those under way that another stream than the receiver sent.
                    let others = streams.iter().filter(|stream| **stream != record.stream);
                    let first = others
                        .filter_map(|other| {
                            let key = (sign, *other);
                            Some((*under_way.get(&key)?.front()?, key))
                        })
                        .min_by_key(|(sent, _)| *sent);
                    if let Some((sent, key)) = first
                        && let Some(waiting) = under_way.get_mut(&key)
                    {
                        waiting.pop_front();
                        pairing.other_end.insert(sent, index);
                        pairing.other_end.insert(index, sent);
                    }
                }
            }
        }
        pairing
    }

    /// The record of a datagram's other end, by the index of this one.
    pub(super) fn other_end(&self, index: usize) -> Option<usize> {
        self.other_end.get(&index).copied()
    }
}

fn sign(datagram: &Datagram) -> Sign<'_> {
    let (from, to) = match datagram.direction {
        Direction::Out => (datagram.local, datagram.remote),
        Direction::In => (datagram.remote, datagram.local),
    };
    Sign {
        from,
        to,
        bytes: datagram.bytes,
        kind: datagram.kind,
        transaction: datagram.stun.as_ref().map(|stun| stun.transaction.as_str()),
    }
}
