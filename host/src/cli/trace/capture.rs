//! The datagrams as a capture: the classic format of libpcap, which every tool reads.
//!
//! A datagram that both sides saw stands in it once, when it left; one that was dropped on purpose never was on
//! the wire and does not, nor does what went over TCP, which is no datagram. Contents that the trace does not have are cut off, as a capture with a short snapshot
//! length does: the length on the wire stays.
use super::packet::Packet;
use super::pairing::Pairing;
use handclasp::trace::{Datagram, Direction, Fate, Trace, What};

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
    for (index, record) in trace.records.iter().enumerate() {
        let What::Datagram(datagram) = &record.what else {
            continue;
        };
        let drawn_already =
            datagram.direction == Direction::In && pairing.other_end(index).is_some();
        if drawn_already || datagram.fate == Some(Fate::Lost) || datagram.transport.is_some() {
            continue;
        }
        if let Some(packet) = packet(datagram) {
            append(
                &mut capture,
                trace.header.unix_us.saturating_add(record.us),
                &packet,
            );
        }
    }
    capture
}

fn packet(datagram: &Datagram) -> Option<Packet> {
    let (from, to) = match datagram.direction {
        Direction::Out => (datagram.local, datagram.remote),
        Direction::In => (datagram.remote, datagram.local),
    };
    let contents = datagram.contents.as_deref();
    let whole = contents.filter(|contents| contents.len() == usize::from(datagram.bytes));
    Packet::new(from, to, datagram.bytes, whole)
}

fn append(capture: &mut Vec<u8>, us: u64, packet: &Packet) {
    let seconds = u32::try_from(us / 1_000_000).unwrap_or(u32::MAX); // until 2106
    let micros = (us % 1_000_000) as u32;
    let of = |length: usize| u32::try_from(length).expect("a UDP datagram is below 64 KiB");
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
