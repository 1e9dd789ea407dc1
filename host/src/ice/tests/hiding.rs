//! Names in place of addresses.

use super::*;

const HOST: &str = "10.0.0.1:1000";

fn hiding(component_id: u16, hiding: &Arc<Hiding>, announced: &[&str]) -> Agent {
    let mut config = Config::new(component_id, true, 1);
    config.hiding = Some(Arc::clone(hiding));
    let rules = announced.iter().map(|rule| rule.parse().unwrap());
    config.announced = rules.collect();
    Agent::new(config, Credentials::generate(), Instant::now())
}

fn word(line: &str, index: usize) -> String {
    line.split(' ').nth(index).unwrap().to_owned()
}

#[test]
fn a_host_candidate_has_one_name_in_all_components_and_another_in_each_stream() {
    let secrets = [(); 2].map(|()| Arc::new(Hiding::generate()));
    let lines = [(1, &secrets[0]), (2, &secrets[0]), (1, &secrets[1])].map(|(id, secret)| {
        let mut agent = hiding(id, secret, &[]);
        agent.add_local_host(addr(HOST)).unwrap()
    });
    for line in &lines {
        assert!(!line.contains("10.0.0.1"), "{line}");
        assert!(line.ends_with(" 1000 typ host"), "{line}");
        let name = word(line, 4);
        assert_eq!(mdns_name(line), Some((name.as_str(), 1000)));
        let (uuid, shape) = (
            name.as_bytes(),
            b"00000000-0000-4000-8000-000000000000.local",
        );
        assert_eq!(uuid.len(), shape.len(), "{name}");
        assert_eq!(uuid[14], b'4', "{name}");
        assert!(b"89ab".contains(&uuid[19]), "{name}");
        for (is, should_be) in uuid.iter().zip(shape) {
            match should_be {
                b'-' => assert_eq!(*is, b'-', "{name}"),
                b'0' => assert!(is.is_ascii_hexdigit(), "{name}"),
                _ => {}
            }
        }
    }
    let [first, second, other] = lines;
    assert_eq!(word(&first, 4), word(&second, 4));
    assert_ne!(word(&first, 4), word(&other, 4));
    // A foundation made from the address would tell it to whoever tries them all.
    assert_eq!(word(&first, 0), word(&second, 0));
    assert_ne!(word(&first, 0), word(&other, 0));
}

#[test]
fn addresses_have_names_of_their_own() {
    let mut agent = hiding(1, &Arc::new(Hiding::generate()), &[]);
    let hosts = [HOST, "10.0.0.2:1000", "[fd00::1]:1000"];
    let names: std::collections::BTreeSet<String> = hosts
        .iter()
        .map(|host| word(&agent.add_local_host(addr(host)).unwrap(), 4))
        .collect();
    assert_eq!(names.len(), hosts.len());
    agent.restart(Credentials::generate());
    let again = agent.local_candidates().map(|line| word(&line, 4));
    assert_eq!(again.collect::<std::collections::BTreeSet<_>>(), names);
}

#[test]
fn candidates_of_servers_do_not_tell_the_base() {
    let mut agent = hiding(1, &Arc::new(Hiding::generate()), &[]);
    agent.add_local_host(addr(HOST)).unwrap();
    agent.add_local_host(addr("[fd00::1]:7")).unwrap();
    let mapped = agent.add_local_reflexive(addr("192.0.2.1:7"), addr(HOST));
    let line = mapped.unwrap();
    assert!(
        line.ends_with(" 192.0.2.1 7 typ srflx raddr 0.0.0.0 rport 9"),
        "{line}"
    );
    let mapped = agent.add_local_reflexive(addr("[2001:db8::1]:8"), addr("[fd00::1]:7"));
    assert!(mapped.unwrap().ends_with(" raddr :: rport 9"));
    let plain = Hiding::generate();
    let mut other = hiding(1, &Arc::new(plain), &[]);
    other.add_local_host(addr(HOST)).unwrap();
    let mapped = other.add_local_reflexive(addr("192.0.2.1:7"), addr(HOST));
    assert_ne!(word(&line, 0), word(&mapped.unwrap(), 0));
    let relayed = agent.add_local_relayed(addr("203.0.113.9:4"), addr(HOST));
    let relayed = relayed.unwrap();
    assert!(relayed.contains(" 203.0.113.9 4 typ relay "), "{relayed}");
    for line in agent.local_candidates() {
        assert!(
            !line.contains("10.0.0.1") && !line.contains("fd00"),
            "{line}"
        );
    }
}

#[test]
fn what_a_stun_server_sees_of_a_public_address_is_told_beside_its_name() {
    let mut agent = hiding(1, &Arc::new(Hiding::generate()), &[]);
    let host = agent.add_local_host(addr(HOST)).unwrap();
    let seen = agent.add_local_reflexive(addr(HOST), addr(HOST)).unwrap();
    assert!(
        seen.ends_with(" 10.0.0.1 1000 typ srflx raddr 0.0.0.0 rport 9"),
        "{seen}"
    );
    let priority = |line: &str| word(line, 3).parse::<u32>().unwrap();
    assert!(priority(&seen) < priority(&host));
    assert_eq!(priority(&seen) >> 24, 100);
    assert_eq!(agent.add_local_reflexive(addr(HOST), addr(HOST)), None);
    agent.restart(Credentials::generate());
    assert_eq!(agent.local_candidates().collect::<Vec<_>>(), [host, seen]);
}

#[test]
fn announced_addresses_are_told_as_they_are() {
    let secret = Arc::new(Hiding::generate());
    let mut agent = hiding(1, &secret, &["10.0.0.1=203.0.113.7"]);
    let line = agent.add_local_host(addr(HOST)).unwrap();
    assert!(line.contains(" 203.0.113.7 1000 typ host"), "{line}");
    let other = hiding(1, &Arc::new(Hiding::generate()), &["10.0.0.1=203.0.113.7"])
        .add_local_host(addr(HOST))
        .unwrap();
    assert_ne!(word(&line, 0), word(&other, 0), "made from a secret");
    let line = agent.add_local_host(addr("10.0.0.2:1000")).unwrap();
    assert!(word(&line, 4).ends_with(".local"), "{line}");
    assert_eq!(agent.add_local_reflexive(addr(HOST), addr(HOST)), None);
}

#[test]
fn a_peer_that_cannot_look_names_up_is_found_by_our_checks() {
    let mut world = World::new(37, &[HOST], &["10.0.0.2:2000"]);
    let mut config = Config::new(1, true, 1);
    config.hiding = Some(Arc::new(Hiding::generate()));
    world.a = Side::new(config, &[HOST], world.now);
    world.introduce();
    world.connect();
    let remote = world.b.agent.selected_pair().map(|pair| pair.remote);
    assert_eq!(remote, Some(world.a.hosts[0]));
}

#[test]
fn candidates_of_tcp_hide_behind_the_same_name() {
    let mut config = Config::new(1, true, 1);
    config.hiding = Some(Arc::new(Hiding::generate()));
    config.tcp = Tcp::Both;
    let mut agent = Agent::new(config, Credentials::generate(), Instant::now());
    let host = addr(HOST);
    let udp = agent.add_local_host(host).unwrap();
    let lines = [
        agent.add_local_passive(host).unwrap(),
        agent.add_local_active(host.ip()).unwrap(),
    ];
    for line in lines {
        assert!(!line.contains("10.0.0.1"), "{line}");
        assert_eq!(word(&line, 4), word(&udp, 4), "one address, one name");
    }
}

#[test]
fn what_a_stun_server_sees_is_told_of_the_socket_that_it_saw() {
    let mut agent = hiding(1, &Arc::new(Hiding::generate()), &[]);
    for host in ["10.0.0.7:1000", HOST] {
        agent.add_local_host(addr(host)).unwrap();
    }
    let seen = agent.add_local_reflexive(addr(HOST), addr(HOST)).unwrap();
    assert!(seen.contains(" 10.0.0.1 1000 typ srflx "), "{seen}");
    let unknown = addr("10.0.0.8:1000");
    assert_eq!(agent.add_local_reflexive(unknown, unknown), None);
}
