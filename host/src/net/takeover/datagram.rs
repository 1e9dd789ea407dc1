//! A datagram on its way to another process: where it has come, from where, and what it holds.
//!
//! In front of both addresses is their family in a byte, 4 or 6. An address is its bytes, its port, and for IPv6 the index
//! of its interface; numbers are big-endian. It is framed as in RFC 4571.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// A datagram that was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PassedDatagram<'a> {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) content: &'a [u8],
}

const V4: u8 = 4;
const V6: u8 = 6;

impl<'a> PassedDatagram<'a> {
    /// Puts it behind what is there, in a frame. Returns whether it fits into one: of UDP over IPv4 every datagram does,
    /// over IPv6 those of 65,490 bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) -> bool {
        let (family, addresses) = match self.local {
            SocketAddr::V4(_) => (V4, 2 * (4 + 2)),
            SocketAddr::V6(_) => (V6, 2 * (16 + 2 + 4)),
        };
        let length = u16::try_from(1 + addresses + self.content.len());
        let (true, Ok(length)) = (self.local.is_ipv4() == self.remote.is_ipv4(), length) else {
            return false;
        };
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(family);
        write_address(self.local, bytes);
        write_address(self.remote, bytes);
        bytes.extend_from_slice(self.content);
        true
    }

    /// Reads what was in a frame; `None` if it is none of these.
    pub(super) fn read(mut frame: &'a [u8]) -> Option<Self> {
        let [family] = take(&mut frame)?;
        let read = match family {
            V4 => read_v4,
            V6 => read_v6,
            _ => return None,
        };
        Some(Self {
            local: read(&mut frame)?,
            remote: read(&mut frame)?,
            content: frame,
        })
    }
}

fn write_address(address: SocketAddr, bytes: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
    }
    bytes.extend_from_slice(&address.port().to_be_bytes());
    if let SocketAddr::V6(address) = address {
        bytes.extend_from_slice(&address.scope_id().to_be_bytes());
    }
}

fn read_v4(bytes: &mut &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 4] = take(bytes)?;
    let port = u16::from_be_bytes(take(bytes)?);
    Some(SocketAddr::from((Ipv4Addr::from(ip), port)))
}

fn read_v6(bytes: &mut &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 16] = take(bytes)?;
    let port = u16::from_be_bytes(take(bytes)?);
    let scope_id = u32::from_be_bytes(take(bytes)?);
    Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope_id).into())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(is_v6: bool) -> impl Strategy<Value = SocketAddr> {
        (any::<[u8; 16]>(), any::<u16>(), any::<u32>()).prop_map(move |(ip, port, scope_id)| {
            match is_v6 {
                true => SocketAddrV6::new(ip.into(), port, 0, scope_id).into(),
                false => SocketAddr::from(([ip[0], ip[1], ip[2], ip[3]], port)),
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            (local, remote) in any::<bool>().prop_flat_map(|is_v6| (address(is_v6), address(is_v6))),
            content in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let datagram = PassedDatagram { local, remote, content: &content };
            let mut bytes = b"before".to_vec();
            prop_assert!(datagram.write(&mut bytes));
            let (length, frame) = bytes[6..].split_at(2);
            prop_assert_eq!(usize::from(u16::from_be_bytes([length[0], length[1]])), frame.len());
            prop_assert_eq!(PassedDatagram::read(frame), Some(datagram));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(datagram) = PassedDatagram::read(&bytes) {
                let mut again = Vec::new();
                prop_assert!(datagram.write(&mut again));
                prop_assert_eq!(&again[2..], &bytes[..]);
            }
        }
    }

    #[test]
    fn what_fits_no_frame_leaves_nothing() {
        let [v4, v6] = ["127.0.0.1:1", "[::1]:1"].map(|it| it.parse().expect("an address"));
        let mut bytes = Vec::new();
        for (local, remote, length, fits) in [
            (v4, v4, 65_507, true),
            (v6, v6, 65_490, true),
            (v6, v6, 65_491, false),
            (v4, v6, 1, false),
        ] {
            let content = &vec![0; length];
            let datagram = PassedDatagram {
                local,
                remote,
                content,
            };
            assert_eq!(
                datagram.write(&mut bytes),
                fits,
                "{length} {local} {remote}"
            );
            assert_eq!(bytes.is_empty(), !fits);
            bytes.clear();
        }
    }
}
