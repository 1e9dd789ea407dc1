//! Datagrams and pieces of connections with the headers they had on the wire, as far as they are known (RFC 791,
//! RFC 8200, RFC 768, RFC 9293).
use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const TCP: u8 = 6;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// Nobody knows what it was.
const TIME_TO_LIVE: u8 = 64;
/// Most bytes of a connection in one packet.
pub(super) const MAX_SEGMENT: usize = u16::MAX as usize - IPV4_HEADER - TCP_HEADER;

/// An IP packet, cut off where its contents are not known.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) captured: Vec<u8>,
    /// How long it was on the wire.
    pub(super) length: usize,
}

/// Where the bytes of a segment stand in the two directions of their connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
}

impl Packet {
    /// A datagram. Addresses of two families cannot be those of one packet: `None`.
    pub(super) fn udp(
        from: SocketAddr,
        to: SocketAddr,
        bytes: u16,
        contents: Option<&[u8]>,
    ) -> Option<Self> {
        let header = udp(from, to, bytes, contents);
        Self::new(
            (from, to, UDP),
            &header,
            bytes.into(),
            contents.unwrap_or_default(),
        )
    }

    /// At most [`MAX_SEGMENT`] bytes of a connection, of which the first ones are known.
    pub(super) fn tcp(
        from: SocketAddr,
        to: SocketAddr,
        place: Place,
        bytes: usize,
        known: &[u8],
    ) -> Option<Self> {
        let header = tcp(from, to, place, bytes, known);
        Self::new((from, to, TCP), &header, bytes, known)
    }

    fn new(
        (from, to, protocol): (SocketAddr, SocketAddr, u8),
        header: &[u8],
        bytes: usize,
        known: &[u8],
    ) -> Option<Self> {
        let carried = header.len() + bytes;
        let mut captured = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                ipv4(from.octets(), to.octets(), protocol, carried)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                ipv6(from.octets(), to.octets(), protocol, carried)
            }
            _ => return None,
        };
        let length = captured.len() + carried;
        captured.extend(header);
        captured.extend(known);
        Some(Self { captured, length })
    }
}

/// A length as a header has it; what is longer fits no packet.
fn field(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, carried: usize) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend(field(carried + IPV4_HEADER));
    header.extend([0, 0, 0x40, 0, TIME_TO_LIVE, protocol, 0, 0]); // do not fragment
    header.extend(from);
    header.extend(to);
    let checksum = !sum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn ipv6(from: [u8; 16], to: [u8; 16], protocol: u8, carried: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(IPV6_HEADER);
    header.extend([0x60, 0, 0, 0]);
    header.extend(field(carried));
    header.extend([protocol, TIME_TO_LIVE]);
    header.extend(from);
    header.extend(to);
    header
}

fn udp(from: SocketAddr, to: SocketAddr, bytes: u16, contents: Option<&[u8]>) -> [u8; UDP_HEADER] {
    let mut header = [0; UDP_HEADER];
    header[0..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    header[4..6].copy_from_slice(&field(usize::from(bytes) + UDP_HEADER));
    let checksum = match contents.map(|contents| checksum((from, to, UDP), &header, contents)) {
        // Not known, or what would say that there was none, which IPv6 does not allow.
        None | Some(0) => u16::MAX,
        Some(checksum) => checksum,
    };
    header[6..8].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn tcp(
    from: SocketAddr,
    to: SocketAddr,
    place: Place,
    bytes: usize,
    known: &[u8],
) -> [u8; TCP_HEADER] {
    const WORDS: u8 = (TCP_HEADER / 4) as u8;
    const PUSH_AND_ACKNOWLEDGE: u8 = 0x18;
    let mut header = [0; TCP_HEADER];
    header[0..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    header[4..8].copy_from_slice(&place.sequence.to_be_bytes());
    header[8..12].copy_from_slice(&place.acknowledged.to_be_bytes());
    header[12..14].copy_from_slice(&[WORDS << 4, PUSH_AND_ACKNOWLEDGE]);
    header[14..16].copy_from_slice(&u16::MAX.to_be_bytes()); // the window
    if known.len() == bytes {
        let checksum = checksum((from, to, TCP), &header, known);
        header[16..18].copy_from_slice(&checksum.to_be_bytes());
    }
    header
}

fn checksum(
    (from, to, protocol): (SocketAddr, SocketAddr, u8),
    header: &[u8],
    contents: &[u8],
) -> u16 {
    let mut covered = Vec::new(); // the pseudo-header, then all of the packet
    for address in [from.ip(), to.ip()] {
        match address {
            IpAddr::V4(address) => covered.extend(address.octets()),
            IpAddr::V6(address) => covered.extend(address.octets()),
        }
    }
    covered.extend([0, protocol]);
    covered.extend(field(header.len() + contents.len()));
    covered.extend(header);
    covered.extend(contents);
    !sum(&covered)
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
