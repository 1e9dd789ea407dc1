//! The datagrams as a capture: the classic format of libpcap, which every tool reads.
//!
//! A datagram that both sides saw stands in it once, when it left; one that was dropped on purpose never was on
//! the wire and does not. Contents that the trace does not have are cut off, as a capture with a short snapshot
//! length does: the length on the wire stays. What went over TCP stands in segments of connections that have neither
//! beginning nor end, and so does what TLS carried, as if it had been TCP alone.
use super::packet::{MAX_SEGMENT, Packet, Place};
use super::pairing::Pairing;
use handclasp::trace::{Datagram, Direction, Fate, Trace, What};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

/// Times in microseconds, numbers in little endian.
const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: [u16; 2] = [2, 4];
/// Longest packet.
const SNAPLEN: u32 = 0x1_0000 + 40;
/// Packets begin with their IP header.
const LINKTYPE_RAW: u32 = 101;

pub(super) fn of(trace: &Trace) -> Vec<u8> {
    let mut capture = Vec::new();
    capture.extend(MAGIC.to_le_bytes());
    capture.extend(VERSION.iter().flat_map(|number| number.to_le_bytes()));
    capture.extend([0; 8]); // times are in UTC, and as exact as they look
    capture.extend(SNAPLEN.to_le_bytes());
    capture.extend(LINKTYPE_RAW.to_le_bytes());
    let pairing = Pairing::of(trace);
    let mut connections = Connections::of(trace);
    for (index, record) in trace.records.iter().enumerate() {
        let What::Datagram(datagram) = &record.what else {
            continue;
        };
        let drawn_already =
            datagram.direction == Direction::In && pairing.other_end(index).is_some();
        if drawn_already || datagram.fate == Some(Fate::Lost) {
            continue;
        }
        let us = trace.header.unix_us.saturating_add(record.us);
        for packet in connections.packets(datagram) {
            append(&mut capture, us, &packet);
        }
    }
    capture
}

/// What went over connections, by their two ends.
#[derive(Debug, Default)]
struct Connections {
    /// Those to relays: they carry TURN as it is, where each datagram between peers has its length before it.
    of_relays: HashSet<(SocketAddr, SocketAddr)>,
    /// How many bytes went from the first to the second.
    passed: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Connections {
    /// A connection to a relay is one with any message of TURN's but what ICE says as well.
    fn of(trace: &Trace) -> Self {
        let of_relays = trace
            .records
            .iter()
            .filter_map(|record| match &record.what {
                What::Datagram(datagram) => {
                    let stun = datagram.stun.as_ref();
                    let is_turn = stun.is_some_and(|stun| stun.method != "binding");
                    is_turn.then_some((datagram.local, datagram.remote))
                }
                _ => None,
            });
        Self {
            of_relays: of_relays.collect(),
            passed: HashMap::new(),
        }
    }

    /// The packets of what is a line in the trace.
    fn packets(&mut self, datagram: &Datagram) -> Vec<Packet> {
        let (from, to) = match datagram.direction {
            Direction::Out => (datagram.local, datagram.remote),
            Direction::In => (datagram.remote, datagram.local),
        };
        let contents = datagram.contents.as_deref();
        let whole = contents.filter(|contents| contents.len() == usize::from(datagram.bytes));
        if datagram.transport.is_none() {
            let packet = Packet::udp(from, to, datagram.bytes, whole);
            return packet.into_iter().collect();
        }
        let is_to_relay = self.of_relays.contains(&(datagram.local, datagram.remote));
        let mut known = Vec::new();
        if !is_to_relay {
            known.extend(datagram.bytes.to_be_bytes());
        }
        let length = known.len() + usize::from(datagram.bytes);
        known.extend(whole.unwrap_or_default());
        let starts = (0..length).step_by(MAX_SEGMENT);
        let segments = starts.map(|start| {
            let end = length.min(start + MAX_SEGMENT);
            let known = &known[start.min(known.len())..end.min(known.len())];
            self.segment(from, to, end - start, known)
        });
        segments.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    fn segment(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: usize,
        known: &[u8],
    ) -> Option<Packet> {
        let acknowledged = self.passed.get(&(to, from)).copied().unwrap_or_default();
        let passed = self.passed.entry((from, to)).or_default();
        let sequence = *passed;
        *passed = passed.wrapping_add(bytes as u32); // at most a segment
        let place = Place {
            sequence,
            acknowledged,
        };
        Packet::tcp(from, to, place, bytes, known)
    }
}

fn append(capture: &mut Vec<u8>, us: u64, packet: &Packet) {
    let seconds = u32::try_from(us / 1_000_000).unwrap_or(u32::MAX); // until 2106
    let micros = (us % 1_000_000) as u32;
    let of =
        |length: usize| u32::try_from(length).expect("no packet is longer than 64 KiB and headers");
    for number in [
        seconds,
        micros,
        of(packet.captured.len()),
        of(packet.length),
    ] {
        capture.extend(number.to_le_bytes());
    }
    capture.extend(&packet.captured);
}
