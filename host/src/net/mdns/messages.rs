//! Packets of multicast DNS: those we send, and what counts of those that come.
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use std::net::IpAddr;

/// What is said to, and heard from, the whole network.
pub(super) const PORT: u16 = 5353;
/// A record is known this long, in seconds (RFC 6762, section 10).
pub(super) const TTL: u32 = 120;
/// Whoever knows nothing of multicast DNS is told no longer than this (RFC 6762, section 6.7).
const LEGACY_TTL: u32 = 10;
/// Most questions and records of a packet that is read: reading takes time and memory for each that it claims.
const MAX_ENTRIES: usize = 256;
const HEADER: usize = 12;

/// A name and what it stands for.
pub(super) type Record<'a> = (&'a str, IpAddr);

/// Reads a packet. Anything may stand in it.
pub(super) fn parse(packet: &[u8]) -> Option<Packet<'_>> {
    let counts = packet.get(4..HEADER)?.chunks_exact(2);
    let entries: usize = counts
        .map(|count| usize::from(u16::from_be_bytes([count[0], count[1]])))
        .sum();
    (entries <= MAX_ENTRIES).then(|| Packet::parse(packet).ok())?
}

/// Asks the network for the addresses of a name.
///
/// # Errors
/// Part of a sentence: DNS cannot ask for it.
pub(super) fn question(name: &str) -> Result<Vec<u8>, String> {
    let invalid = |error| format!("{name} is no name that DNS can ask for: {error}");
    let mut packet = Packet::new_query(0);
    for kind in [TYPE::A, TYPE::AAAA] {
        let (kind, class) = (QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN));
        let name = Name::new(name).map_err(invalid)?;
        // Others share the port, and an answer to one would reach any of them: all are answered (section 15.1).
        let one_is_answered = false;
        packet
            .questions
            .push(Question::new(name, kind, class, one_is_answered));
    }
    packet.build_bytes_vec().map_err(invalid)
}

/// The addresses that a packet gives to a name: one of each family at most, for a name of a peer's stands for one
/// address, and whoever is on the network can answer with many. Anything may stand in the packet.
pub(super) fn answer(packet: &[u8], name: &str) -> Vec<IpAddr> {
    let Some(packet) = parse(packet).filter(|packet| packet.has_flags(PacketFlag::RESPONSE)) else {
        return Vec::new();
    };
    let records = packet.answers.iter().chain(&packet.additional_records);
    let addresses: Vec<IpAddr> = records
        .filter(|record| record.ttl > 0) // 0 is a goodbye
        .filter(|record| record.name.to_string().eq_ignore_ascii_case(name))
        .filter_map(address)
        .collect();
    let first = |is_of_family: fn(&IpAddr) -> bool| addresses.iter().copied().find(is_of_family);
    let found = [first(IpAddr::is_ipv4), first(IpAddr::is_ipv6)];
    found.into_iter().flatten().collect()
}

/// Whether a question is for an address of either family. Our names have one, and some ask for IPv4 only.
pub(super) fn asks_for_address(question: &Question<'_>) -> bool {
    use QTYPE::{ANY, TYPE as One};
    let kind = matches!(question.qtype, ANY | One(TYPE::A | TYPE::AAAA));
    kind && matches!(question.qclass, QCLASS::ANY | QCLASS::CLASS(CLASS::IN))
}

/// The address of an address record.
pub(super) fn address(record: &ResourceRecord<'_>) -> Option<IpAddr> {
    match &record.rdata {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
        _ => None,
    }
}

/// Tells everybody of these records, for `ttl` seconds; 0 takes them back.
pub(super) fn announcement<'a>(records: impl Iterator<Item = Record<'a>>, ttl: u32) -> Vec<u8> {
    let mut packet = reply_packet(0);
    packet.answers = records
        .map(|record| resource(record, ttl).with_cache_flush(true))
        .collect();
    build(&packet)
}

/// Tells one who asked for it alone: with its own number.
pub(super) fn reply<'a>(id: u16, records: impl Iterator<Item = Record<'a>>) -> Vec<u8> {
    let mut packet = reply_packet(id);
    packet.answers = records
        .map(|record| resource(record, TTL).with_cache_flush(true))
        .collect();
    build(&packet)
}

/// Tells one who speaks plain DNS, and expects its questions again (RFC 6762, section 6.7).
pub(super) fn legacy_reply<'a>(
    id: u16,
    answered: impl Iterator<Item = (&'a Question<'a>, Record<'a>)>,
) -> Vec<u8> {
    let mut packet = reply_packet(id);
    for (question, record) in answered {
        packet.questions.push(question.clone());
        packet.answers.push(resource(record, LEGACY_TTL));
    }
    build(&packet)
}

fn reply_packet<'a>(id: u16) -> Packet<'a> {
    let mut packet = Packet::new_reply(id);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    packet
}

fn resource((name, address): Record<'_>, ttl: u32) -> ResourceRecord<'_> {
    let data = match address {
        IpAddr::V4(address) => RData::A(A::from(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA::from(address)),
    };
    ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, ttl, data)
}

fn build(packet: &Packet<'_>) -> Vec<u8> {
    // Only names that cannot be written would fail, and ours can.
    packet.build_bytes_vec().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const NAME: &str = "0b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";
    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));

    fn told(name: &str) -> Vec<u8> {
        announcement([(name, ADDRESS)].into_iter(), TTL)
    }

    #[test]
    fn an_answer_counts_if_it_is_to_the_name() {
        assert_eq!(answer(&told(NAME), NAME), [ADDRESS]);
        assert_eq!(answer(&told(&NAME.to_uppercase()), NAME), [ADDRESS]);
        assert!(answer(&told("another.local"), NAME).is_empty());
    }

    #[test]
    fn a_question_is_no_answer_and_neither_is_a_goodbye() {
        let mut asking = Packet::new_query(0);
        asking.answers.push(resource((NAME, ADDRESS), TTL)); // what the asker knows
        assert!(answer(&build(&asking), NAME).is_empty());
        assert!(question(&"x".repeat(400)).is_err());
        let goodbye = announcement([(NAME, ADDRESS)].into_iter(), 0);
        assert!(answer(&goodbye, NAME).is_empty());
    }

    #[test]
    fn a_name_stands_for_one_address_of_a_family() {
        let all = ["10.77.0.1", "10.77.0.2", "fd00::1", "fd00::2"];
        let all = all.map(|address| address.parse::<IpAddr>().expect("an address"));
        let packet = announcement(all.iter().map(|address| (NAME, *address)), TTL);
        assert_eq!(answer(&packet, NAME), [all[0], all[2]]);
    }

    #[test]
    fn a_packet_that_claims_too_much_is_not_read() {
        let mut packet = told(NAME);
        assert!(parse(&packet).is_some());
        packet[10..12].copy_from_slice(&[0xff, 0xff]);
        assert!(parse(&packet).is_none());
        assert!(parse(&packet[..11]).is_none());
    }

    proptest! {
        #[test]
        fn anything_may_stand_in_a_packet(
            packet in prop::collection::vec(any::<u8>(), 0..300),
            at in 0usize..100,
            byte: u8,
        ) {
            answer(&packet, NAME);
            let mut mutated = told(NAME);
            let at = at % mutated.len();
            mutated[at] = byte;
            answer(&mutated, NAME);
        }
    }
}
