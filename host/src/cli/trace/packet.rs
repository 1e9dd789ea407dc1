//! A datagram with the headers it had on the wire, as far as they are known (RFC 791, RFC 8200, RFC 768).
use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// Nobody knows what it was.
const TIME_TO_LIVE: u8 = 64;

/// An IP packet, cut off after its headers where the datagram's contents are not known.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) captured: Vec<u8>,
    /// How long it was on the wire.
    pub(super) length: usize,
}

impl Packet {
    /// Addresses of two families cannot be those of one packet: `None`.
    pub(super) fn new(
        from: SocketAddr,
        to: SocketAddr,
        bytes: u16,
        contents: Option<&[u8]>,
    ) -> Option<Self> {
        let udp = udp(from, to, bytes, contents);
        let mut captured = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ipv4(from.octets(), to.octets(), bytes),
            (IpAddr::V6(from), IpAddr::V6(to)) => ipv6(from.octets(), to.octets(), bytes),
            _ => return None,
        };
        let length = captured.len() + UDP_HEADER + usize::from(bytes);
        captured.extend(udp);
        captured.extend(contents.unwrap_or_default());
        Some(Self { captured, length })
    }
}

fn ipv4(from: [u8; 4], to: [u8; 4], bytes: u16) -> Vec<u8> {
    let length = bytes.saturating_add((IPV4_HEADER + UDP_HEADER) as u16);
    let mut header = vec![0x45, 0];
    header.extend(length.to_be_bytes());
    header.extend([0, 0, 0x40, 0, TIME_TO_LIVE, UDP, 0, 0]); // do not fragment
    header.extend(from);
    header.extend(to);
    let checksum = !sum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn ipv6(from: [u8; 16], to: [u8; 16], bytes: u16) -> Vec<u8> {
    let length = bytes.saturating_add(UDP_HEADER as u16);
    let mut header = Vec::with_capacity(IPV6_HEADER);
    header.extend([0x60, 0, 0, 0]);
    header.extend(length.to_be_bytes());
    header.extend([UDP, TIME_TO_LIVE]);
    header.extend(from);
    header.extend(to);
    header
}

fn udp(from: SocketAddr, to: SocketAddr, bytes: u16, contents: Option<&[u8]>) -> [u8; UDP_HEADER] {
    let length = bytes.saturating_add(UDP_HEADER as u16);
    let mut header = [0; UDP_HEADER];
    header[0..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    let checksum = match contents {
        Some(contents) => checksum(from, to, length, &header, contents),
        None => u16::MAX, // not known; zero would say that there was none, which IPv6 does not allow
    };
    header[6..8].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn checksum(from: SocketAddr, to: SocketAddr, length: u16, header: &[u8], contents: &[u8]) -> u16 {
    let mut covered = Vec::new(); // the pseudo-header, then all of the datagram
    for address in [from.ip(), to.ip()] {
        match address {
            IpAddr::V4(address) => covered.extend(address.octets()),
            IpAddr::V6(address) => covered.extend(address.octets()),
        }
    }
    covered.extend([0, UDP]);
    covered.extend(length.to_be_bytes());
    covered.extend(header);
    covered.extend(contents);
    match !sum(&covered) {
        0 => u16::MAX,
        checksum => checksum,
    }
}

/// The ones' complement sum of 16-bit words (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| match *word {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => unreachable!("chunks of two have one or two bytes"),
    });
    let mut sum: u32 = words.sum(); // 64 KiB of words stay far below 2³²
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
