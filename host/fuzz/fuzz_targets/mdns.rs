//! What the responder of multicast DNS does with packets, and how often it says something.
#![no_main]
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use records::Records;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

// They are private to the host, and need nothing of it.
#[allow(dead_code)] // what only the resolver asks
#[path = "../../src/net/mdns/messages.rs"]
mod messages;
#[path = "../../src/net/mdns/records/mod.rs"]
mod records;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Add(u8, bool),
    Remove(u8),
    Bytes(u16, &'a [u8]),
    Asks {
        port: Option<u16>,
        names: Vec<(u8, bool, bool)>,
        /// What is changed of the packet: where, and to what.
        changes: Vec<(u16, u8)>,
    },
    Pass(u16),
}

/// All hear of a name once in this time.
const EVERY: Duration = Duration::from_secs(1);

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut records = Records::default();
    let mut now = Instant::now();
    let mut ours: HashMap<String, IpAddr> = HashMap::new();
    let mut gone: HashMap<String, IpAddr> = HashMap::new();
    let mut told: HashMap<String, Instant> = HashMap::new();
    for step in steps {
        match step {
            Step::Add(number, is_v6) => {
                let address = match is_v6 {
                    true => IpAddr::from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number]),
                    false => IpAddr::from([10, 0, 0, number]),
                };
                records.add(now, &name(number), address);
                gone.extend(ours.remove_entry(&name(number)));
                told.remove(&name(number)); // it is another name's record now
                ours.insert(name(number), address);
            }
            Step::Remove(number) => {
                records.remove(&name(number));
                gone.extend(ours.remove_entry(&name(number)));
            }
            Step::Bytes(port, packet) => hear(&mut records, now, port, packet, &ours),
            Step::Asks {
                port,
                names,
                changes,
            } => {
                let mut packet = question(&names);
                for (at, byte) in changes {
                    let at = usize::from(at) % packet.len();
                    packet[at] = byte;
                }
                hear(
                    &mut records,
                    now,
                    port.unwrap_or(messages::PORT),
                    &packet,
                    &ours,
                );
            }
            Step::Pass(millis) => now += Duration::from_millis(millis.into()),
        }
        while let Some(packet) = records.poll_announcement(now) {
            for (name, address, ttl) in read(&packet) {
                if ttl == 0 {
                    assert_eq!(gone[&name], address, "only what was ours is taken back");
                    continue;
                }
                assert_eq!(ours[&name], address);
                let before = told.insert(name, now);
                assert!(before.is_none_or(|before| now >= before + EVERY));
            }
        }
        assert!(records.poll_timeout().is_none_or(|at| at > now));
        assert_eq!(records.is_idle(), ours.is_empty());
    }
});

/// A packet comes; who sent it is told of nothing but names that are ours.
fn hear(
    records: &mut Records,
    now: Instant,
    port: u16,
    packet: &[u8],
    ours: &HashMap<String, IpAddr>,
) {
    let source = SocketAddr::from(([10, 0, 0, 1], port));
    if let Some(reply) = records.handle(now, source, packet) {
        for (name, address, ttl) in read(&reply) {
            assert!(ttl > 0);
            assert_eq!(ours[&name], address);
        }
    }
    for name in ours.keys() {
        let _ = messages::answer(packet, name);
    }
}

/// The records of a packet of our own.
fn read(packet: &[u8]) -> Vec<(String, IpAddr, u32)> {
    assert!(packet.len() <= 9000);
    let packet = messages::parse(packet).expect("it can be read");
    assert!(!packet.answers.is_empty());
    let answers = packet.answers.iter();
    let read = answers.map(|record| {
        let address = messages::address(record).expect("it has an address");
        (record.name.to_string(), address, record.ttl)
    });
    read.collect()
}

fn question(names: &[(u8, bool, bool)]) -> Vec<u8> {
    let names: Vec<_> = names
        .iter()
        .map(|(n, any, to_one)| (name(*n), *any, *to_one))
        .collect();
    let mut packet = Packet::new_query(1);
    for (name, any, to_one) in &names {
        let kind = if *any { QTYPE::ANY } else { TYPE::A.into() };
        let class = QCLASS::CLASS(CLASS::IN);
        let name = Name::new_unchecked(name);
        packet
            .questions
            .push(Question::new(name, kind, class, *to_one));
    }
    packet.build_bytes_vec().expect("it can be written")
}

fn name(number: u8) -> String {
    format!("{number:08x}-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local")
}
