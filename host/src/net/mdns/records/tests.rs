use super::*;
use crate::net::mdns::messages::{answer, question};
use proptest::prelude::*;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, PacketFlag, QCLASS, QTYPE, ResourceRecord, TYPE};

const NAME: &str = "0b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";
const OTHER: &str = "1b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";

fn address() -> IpAddr {
    [10, 77, 0, 1].into()
}

/// Who asks: another responder, or a program that knows plain DNS.
fn source(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, 2], port))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

struct World {
    records: Records,
    start: Instant,
}

impl World {
    fn new() -> Self {
        let (mut records, start) = (Records::default(), Instant::now());
        records.add(start, NAME, address());
        Self { records, start }
    }

    /// When all hear of the name within this time, in ms, and for how many seconds.
    fn run(&mut self, from: u64, to: u64) -> Vec<(u64, u32)> {
        let mut heard = Vec::new();
        for at in from..to {
            while let Some(packet) = self.records.poll_announcement(self.start + ms(at)) {
                let packet = messages::parse(&packet).expect("it can be read");
                for record in &packet.answers {
                    assert!(record.cache_flush, "nobody else has the name");
                    assert!(packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER));
                    heard.push((at, record.ttl));
                }
            }
        }
        heard
    }

    fn ask(&mut self, at: u64, port: u16, packet: &[u8]) -> Option<Vec<u8>> {
        self.records
            .handle(self.start + ms(at), source(port), packet)
    }
}

/// One question.
fn ask(name: &str, kind: QTYPE, unicast: bool) -> Packet<'_> {
    let class = QCLASS::CLASS(CLASS::IN);
    let mut packet = Packet::new_query(7);
    let name = Name::new(name).expect("a name");
    packet
        .questions
        .push(Question::new(name, kind, class, unicast));
    packet
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec().expect("it can be written")
}

#[test]
fn a_name_is_announced_twice_and_taken_back() {
    let mut world = World::new();
    assert_eq!(world.run(0, 5000), [(1000, TTL), (2000, TTL)]);
    assert_eq!(world.records.poll_timeout(), None);
    world.records.remove(NAME);
    assert!(!world.records.is_idle());
    assert_eq!(world.run(5000, 6000), [(5000, 0)]);
    assert!(world.records.is_idle());
}

#[test]
fn a_name_that_nobody_heard_of_needs_no_goodbye() {
    let mut world = World::new();
    world.records.remove(NAME);
    assert!(world.records.is_idle());
    assert_eq!(world.run(0, 3000), []);
}

#[test]
fn a_question_is_answered_at_once_and_then_once_a_second() {
    let mut world = World::new();
    let packet = question(NAME).expect("a name");
    let mut heard = Vec::new();
    for at in (50..3000).step_by(10) {
        assert_eq!(world.ask(at, PORT, &packet), None);
        heard.extend(world.run(at, at + 10));
    }
    let times: Vec<u64> = heard.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [50, 1050, 2050]);
}

#[test]
fn whatever_address_is_asked_for_the_one_there_is_is_told() {
    for name in [NAME, &NAME.to_uppercase()] {
        for kind in [QTYPE::ANY, TYPE::A.into(), TYPE::AAAA.into()] {
            let mut world = World::new();
            assert_eq!(world.ask(0, PORT, &bytes(&ask(name, kind, false))), None);
            let packet = world.records.poll_announcement(world.start);
            let packet = packet.unwrap_or_else(|| panic!("{kind:?} is not answered"));
            assert_eq!(answer(&packet, NAME), [address()]);
        }
    }
    let mut world = World::new();
    world.ask(0, PORT, &bytes(&ask(NAME, TYPE::TXT.into(), false)));
    world.ask(0, PORT, &bytes(&ask(OTHER, TYPE::A.into(), true)));
    assert_eq!(world.run(0, 500), []);
}

#[test]
fn an_address_of_ipv6_is_told_as_well() {
    let mut world = World::new();
    let v6: IpAddr = "fd77::1".parse().expect("an address");
    world.records.add(world.start, OTHER, v6);
    world.ask(0, PORT, &question(OTHER).expect("a name"));
    let packet = world.records.poll_announcement(world.start);
    assert_eq!(answer(&packet.expect("it is told"), OTHER), [v6]);
}

#[test]
fn who_asks_for_an_answer_to_itself_gets_it_and_so_do_all() {
    let mut world = World::new();
    let asked = bytes(&ask(NAME, TYPE::A.into(), true));
    let reply = world.ask(100, PORT, &asked).expect("an answer");
    assert_eq!(messages::parse(&reply).map(|packet| packet.id()), Some(7));
    assert_eq!(answer(&reply, NAME), [address()]);
    assert_eq!(world.run(100, 200), [(100, TTL)]);
    // Soon after only the one who asks, for all have just heard.
    assert!(world.ask(300, PORT, &asked).is_some());
    assert_eq!(world.run(300, 1200), [(1100, TTL)]);
}

#[test]
fn plain_dns_is_answered_as_it_expects() {
    let mut world = World::new();
    let asked = bytes(&ask(NAME, TYPE::A.into(), false));
    let reply = world.ask(100, 40000, &asked).expect("an answer");
    let packet = messages::parse(&reply).expect("it can be read");
    assert_eq!((packet.id(), packet.questions.len()), (7, 1));
    let [record] = &packet.answers[..] else {
        panic!("{packet:?}");
    };
    assert!(record.ttl <= 10 && !record.cache_flush, "{record:?}");
    assert_eq!(world.run(100, 900), []);
}

#[test]
fn who_knows_the_answer_is_not_told_again() {
    let mut world = World::new();
    for (ttl, is_told) in [(TTL / 2 - 1, true), (TTL, false)] {
        let mut asked = ask(NAME, TYPE::A.into(), true);
        let data = RData::A(A::from(std::net::Ipv4Addr::new(10, 77, 0, 1)));
        let name = Name::new(NAME).expect("a name");
        asked
            .answers
            .push(ResourceRecord::new(name, CLASS::IN, ttl, data));
        assert_eq!(world.ask(0, PORT, &bytes(&asked)).is_some(), is_told);
    }
}

#[test]
fn a_flood_is_answered_so_often_and_no_more() {
    let mut world = World::new();
    let asked = bytes(&ask(NAME, TYPE::A.into(), true));
    let mut answers = 0;
    for at in 0..3000 {
        for port in [PORT, 40000] {
            answers += u32::from(world.ask(at, port, &asked).is_some());
        }
    }
    assert_eq!(answers, 3 * MAX_REPLIES);
}

#[test]
fn an_answer_is_no_question() {
    let mut world = World::new();
    let mut told = ask(NAME, TYPE::A.into(), true);
    told.set_flags(PacketFlag::RESPONSE);
    assert_eq!(world.ask(0, 40000, &bytes(&told)), None);
    assert_eq!(world.run(0, 900), []);
}

#[test]
fn many_names_are_told_in_packets_of_their_own() {
    let mut records = Records::default();
    let start = Instant::now();
    let names: Vec<String> = (0..50).map(|n| format!("{n:08}-{}", &NAME[9..])).collect();
    for name in &names {
        records.add(start, name, address());
    }
    let (mut told, now) = (0, start + EVERY);
    while let Some(packet) = records.poll_announcement(now) {
        assert!(packet.len() <= 1200, "{}", packet.len());
        told += messages::parse(&packet)
            .expect("it can be read")
            .answers
            .len();
    }
    assert_eq!(told, names.len());
}

proptest! {
    #[test]
    fn anything_may_be_asked(
        packet in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((0usize..100, any::<u8>()), 1..4),
        port in prop_oneof![Just(PORT), any::<u16>()],
    ) {
        let mut world = World::new();
        world.ask(0, port, &packet);
        let mut mutated = bytes(&ask(NAME, QTYPE::ANY, true));
        for (at, byte) in changes {
            let at = at % mutated.len();
            mutated[at] = byte;
        }
        if let Some(reply) = world.ask(0, port, &mutated) {
            let packet = messages::parse(&reply);
            prop_assert!(packet.is_some_and(|packet| packet.answers.len() == 1));
        }
        // Whatever came, all hear of the name at most once a second.
        prop_assert!(world.run(0, 1000).len() <= 1);
    }
}
