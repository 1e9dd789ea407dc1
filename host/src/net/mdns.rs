//! Asking the local network for a name (RFC 6762): browsers hide their addresses behind such names.
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// A question is asked once a second (RFC 6762, section 5.2), so many times.
const EVERY: Duration = Duration::from_secs(1);
const TIMES: u32 = 3;

/// The addresses that a name ending in `.local` stands for, at least one. Takes up to three seconds.
///
/// # Errors
/// Part of a sentence: nobody answers, or the network cannot be asked.
pub(super) fn resolve(name: &str) -> Result<Vec<IpAddr>, String> {
    let failed = |error: io::Error| format!("multicast DNS does not work here: {error}");
    let (socket, interfaces) = open().map_err(failed)?;
    let question = question(name)?;
    for _ in 0..TIMES {
        for interface in &interfaces {
            // Where one interface is down the others may do.
            let _ = socket2::SockRef::from(&socket).set_multicast_if_v4(interface);
            let _ = socket.send_to(&question, (GROUP, PORT));
        }
        let found = listen(&socket, name, Instant::now() + EVERY).map_err(failed)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(format!("nobody on the local network answers to {name}"))
}

/// A socket that hears the group on every interface, and their addresses. Others may share the port.
fn open() -> io::Result<(UdpSocket, Vec<Ipv4Addr>)> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    let mut interfaces = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        if let IpAddr::V4(address) = interface.ip()
            && socket.join_multicast_v4(&GROUP, &address).is_ok()
        {
            interfaces.push(address);
        }
    }
    Ok((socket.into(), interfaces))
}

fn question(name: &str) -> Result<Vec<u8>, String> {
    let invalid = |error| format!("{name} is no name that DNS can ask for: {error}");
    let mut packet = Packet::new_query(0);
    for kind in [TYPE::A, TYPE::AAAA] {
        let (kind, class) = (QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN));
        let name = Name::new(name).map_err(invalid)?;
        packet
            .questions
            .push(Question::new(name, kind, class, false));
    }
    packet.build_bytes_vec().map_err(invalid)
}

/// What is answered until then, or all of the first answer.
fn listen(socket: &UdpSocket, name: &str, until: Instant) -> io::Result<Vec<IpAddr>> {
    let mut buffer = [0; 9000]; // RFC 6762, section 17
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Vec::new());
        }
        socket.set_read_timeout(Some(left))?;
        let len = match socket.recv(&mut buffer) {
            Ok(len) => len,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(error),
        };
        let found = answer(&buffer[..len], name);
        if !found.is_empty() {
            return Ok(found);
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock | Interrupted)
}

/// The addresses that a packet gives to a name. Anything may stand in it.
fn answer(packet: &[u8], name: &str) -> Vec<IpAddr> {
    let Ok(packet) = Packet::parse(packet) else {
        return Vec::new();
    };
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return Vec::new();
    }
    let records = packet.answers.iter().chain(&packet.additional_records);
    records
        .filter(|record| record.name.to_string().eq_ignore_ascii_case(name))
        .filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
            RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{answer, question};
    use proptest::prelude::*;
    use simple_dns::rdata::{A, RData};
    use simple_dns::{CLASS, Name, Packet, ResourceRecord};
    use std::net::{IpAddr, Ipv4Addr};

    const NAME: &str = "0b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn reply(name: &str) -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        let data = RData::A(A::from(ADDRESS));
        let name = Name::new(name).unwrap();
        packet
            .answers
            .push(ResourceRecord::new(name, CLASS::IN, 120, data));
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn an_answer_counts_if_it_is_to_the_name() {
        let expected = vec![IpAddr::V4(ADDRESS)];
        assert_eq!(answer(&reply(NAME), NAME), expected);
        assert_eq!(answer(&reply(&NAME.to_uppercase()), NAME), expected);
        assert!(answer(&reply("another.local"), NAME).is_empty());
    }

    #[test]
    fn a_question_is_no_answer() {
        assert!(answer(&question(NAME).unwrap(), NAME).is_empty());
        assert!(question(&"x".repeat(400)).is_err());
    }

    proptest! {
        #[test]
        fn anything_may_stand_in_a_packet(
            packet in prop::collection::vec(any::<u8>(), 0..300),
            at in 0usize..100,
            byte: u8,
        ) {
            answer(&packet, NAME);
            let mut mutated = reply(NAME);
            let at = at % mutated.len();
            mutated[at] = byte;
            answer(&mutated, NAME);
        }
    }
}
