//! Lines, credentials and datagrams from outside.

use proptest::prelude::*;

use super::*;

const HOST: &str = "candidate:1 1 udp 2130706431 10.0.0.2 2000 typ host";

fn agent(component_id: u16) -> Agent {
    let config = Config::new(component_id, true, 1);
    let mut agent = Agent::new(config, Credentials::generate(), Instant::now());
    agent
        .add_local_host(addr("10.0.0.1:1000"))
        .expect("a usable address");
    agent
}

#[test]
fn candidate_lines_are_taken_as_browsers_and_sdp_write_them() {
    for line in [
        HOST,
        "a=candidate:1 1 UDP 2130706431 10.0.0.2 2000 typ host\r\n",
        "candidate:842163049 1 udp 1677729535 203.0.113.7 4000 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag EEtu network-cost 999",
        "candidate:2 1 udp 2130706431 2001:db8::2 2000 typ host",
        "candidate:3 1 udp 16777215 203.0.113.9 5000 typ relay raddr 10.0.0.2 rport 2000",
    ] {
        assert_eq!(
            agent(1).add_remote_candidate(line),
            Ok(Accepted::New),
            "{line}"
        );
    }
}

#[test]
fn what_cannot_be_used_is_ignored_and_says_why() {
    for (line, reason) in [
        (
            "candidate:1 1 tcp 2105458943 10.0.0.2 9 typ host tcptype active",
            Ignored::Transport,
        ),
        (
            "candidate:1 1 udp 2113937151 7f0b3c5e-1d2a.local 2000 typ host",
            Ignored::HostName,
        ),
        (
            "candidate:1 1 udp 2113937151 10.0.0.2 2000 typ future",
            Ignored::Kind,
        ),
    ] {
        let accepted = agent(1).add_remote_candidate(line);
        assert_eq!(accepted, Ok(Accepted::Ignored(reason)), "{line}");
    }
}

#[test]
fn faulty_candidates_are_refused() {
    let component = CandidateError::Component { found: 1, own: 2 };
    assert_eq!(agent(2).add_remote_candidate(HOST), Err(component));
    for address in [
        "0.0.0.0 2000",
        "224.0.0.1 2000",
        "255.255.255.255 2000",
        "240.0.0.1 2000",
        "0.1.2.3 2000",
        "10.0.0.2 0",
        ":: 2000",
        "ff02::1 2000",
        "::ffff:10.0.0.2 2000",
    ] {
        let line = format!("candidate:1 1 udp 2130706431 {address} typ host");
        let refused = agent(1).add_remote_candidate(&line);
        assert!(
            matches!(refused, Err(CandidateError::Address { .. })),
            "{line}"
        );
    }
    for line in [
        "",
        "candidate:",
        "candidate:1 1 udp 2130706431 10.0.0.2 2000",
        "candidate:1 1 udp 0 10.0.0.2 2000 typ host",
        "candidate:1 1 udp 2147483648 10.0.0.2 2000 typ host",
        "candidate:1 1 udp 2130706431 10.0.0.2.3.4 2000 typ host",
        "candidate:1 1 udp 2130706431 10.0.0.2 65536 typ host",
        "candidate:1 1 udp 2130706431 10.0.0.2 2000 kind host",
    ] {
        let refused = agent(1).add_remote_candidate(line);
        assert!(
            matches!(refused, Err(CandidateError::Syntax { .. })),
            "{line}"
        );
    }
}

#[test]
fn a_candidate_at_the_address_for_all_of_a_network_is_refused() {
    let mut agent = agent(1);
    agent.bar(&[addr("10.0.0.255:0").ip()]);
    let refused = agent.add_remote_candidate(&HOST.replace("10.0.0.2", "10.0.0.255"));
    assert!(matches!(refused, Err(CandidateError::Address { .. })));
    assert_eq!(agent.add_remote_candidate(HOST), Ok(Accepted::New));
}

#[test]
fn a_zone_is_told_as_what_it_is() {
    for address in ["fe80::1%eth0", "fe80::1%25"] {
        let line = format!("candidate:1 1 udp 2130706431 {address} 2000 typ host");
        let refused = agent(1).add_remote_candidate(&line).unwrap_err();
        let sentence = refused.to_string();
        assert!(
            sentence.contains("has a zone") && sentence.contains(address),
            "{sentence}"
        );
    }
}

#[test]
fn a_socket_of_our_own_is_no_candidate_of_the_peers_whichever_comes_first() {
    let own = "candidate:1 1 udp 2130706431 10.0.0.1 1000 typ host";
    let mut agent = agent(1);
    let accepted = agent.add_remote_candidate(own);
    assert_eq!(accepted, Ok(Accepted::Ignored(Ignored::Own)));
    let other = own.replace("10.0.0.1", "10.0.0.3");
    assert_eq!(agent.add_remote_candidate(&other), Ok(Accepted::New));
    agent
        .add_local_host(addr("10.0.0.3:1000"))
        .expect("it is usable");
    agent.set_remote_credentials(Credentials::generate());
    let end = Instant::now() + secs(10);
    while let Some(due) = agent.poll_timeout().filter(|due| *due < end) {
        agent.handle_timeout(due);
        assert_eq!(agent.poll_transmit(), None);
    }
}

#[test]
fn unusable_local_addresses_make_no_candidate() {
    for host in [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.9:0",
        "169.254.1.1:1",
        "10.0.0.1:1000",
    ] {
        assert_eq!(agent(1).add_local_host(addr(host)), None, "{host}");
    }
    assert_eq!(agent(1).local_candidates().count(), 1);
}

#[test]
fn foundations_tell_addresses_apart_and_not_ports_or_components() {
    let foundation = |component, host| {
        let line = agent(component)
            .add_local_host(addr(host))
            .expect("a candidate");
        line.split(' ').next().expect("a foundation").to_owned()
    };
    assert_eq!(foundation(1, "10.0.0.5:1"), foundation(2, "10.0.0.5:2"));
    assert_ne!(foundation(1, "10.0.0.5:1"), foundation(1, "10.0.0.6:1"));
}

#[test]
fn credentials_are_checked_and_survive_the_wire() {
    let own = Credentials::generate();
    assert_eq!(own.to_string().parse(), Ok(own.clone()));
    assert_ne!(own, Credentials::generate());
    assert!(own.ufrag().len() >= 8 && own.pwd().len() >= 24);
    assert!(!format!("{own:?}").contains(own.pwd()));

    let pwd = "p".repeat(22);
    assert!(Credentials::new("abc", &pwd).is_err());
    assert!(Credentials::new("abcd", &pwd[1..]).is_err());
    assert!(Credentials::new("a:cd", &pwd).is_err());
    assert!(Credentials::new("u".repeat(256), "p".repeat(256)).is_ok());
    assert!(Credentials::new("u".repeat(257), &pwd).is_err());
    for words in ["", "abcd", &format!("abcd {pwd} more")] {
        let refused = words.parse::<Credentials>();
        assert!(
            matches!(refused, Err(CredentialsError::Words { .. })),
            "{words}"
        );
    }
}

#[test]
fn ufrags_of_every_lawful_length_connect_and_restart() {
    let pwd = "p".repeat(22);
    let named = |letter: &str, length| Credentials::new(letter.repeat(length), &pwd).unwrap();
    for (of_a, of_b) in [(8, 256), (256, 8), (256, 256), (4, 64), (63, 120), (64, 63)] {
        let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
        for _ in 0..2 {
            world.a.agent.restart(named("a", of_a));
            world.b.agent.restart(named("b", of_b));
            world.introduce();
            world.connect();
            world.run_for(secs(40)); // with checks that keep consent
            for side in [&world.a, &world.b] {
                let pair = side.agent.selected_pair();
                assert!(pair.is_some(), "{of_a} and {of_b}");
            }
        }
        assert_eq!(world.a.count(|e| *e == Event::Disconnected), 0);
    }
}

#[test]
fn a_ufrag_that_only_begins_as_the_peers_does_is_a_strangers() {
    let pwd = "p".repeat(22);
    let mut agent = agent(1);
    let peer = Credentials::new("b".repeat(200), &pwd).unwrap();
    agent.set_remote_credentials(peer.clone());
    let to = agent.local_credentials().clone();
    let short = Credentials::new("b".repeat(63), &pwd).unwrap();
    let check = limits::check(&to, &short, to.pwd());
    let pair = Pair::udp(addr("10.0.0.1:1000"), addr("10.0.0.2:2000"));
    let now = Instant::now();
    assert!(
        !agent.handle_stun(now, pair, Datagram::new(&check)),
        "of 63"
    );
    for (length, is_peer) in [(199, false), (201, false), (200, true)] {
        let username = format!("{}:{}", to.ufrag(), "b".repeat(length));
        let renamed = usernames::renamed(&check, &username, to.pwd()).expect("it is authentic");
        assert_eq!(
            agent.handle_stun(now, pair, Datagram::new(&renamed)),
            is_peer,
            "{length}"
        );
        let mut forged = renamed;
        *forged.last_mut().unwrap() ^= 1;
        assert!(
            !agent.handle_stun(now, pair, Datagram::new(&forged)),
            "{length}, forged"
        );
    }
}

#[test]
fn stun_is_told_from_the_rest() {
    let mut world = World::introduced(1);
    world.a.agent.handle_timeout(world.now);
    let mut check = world.a.agent.poll_transmit().expect("a check").contents;
    let ufrag = world.b.credentials().ufrag().to_owned();
    let Some(StunKind::Request {
        transaction,
        local_ufrag,
    }) = stun_kind(&check)
    else {
        panic!("{check:?}");
    };
    assert_eq!(transaction, check[8..20]);
    assert_eq!(local_ufrag, Some(ufrag.as_str()));
    check[0] = 1;
    assert_eq!(stun_kind(&check), Some(StunKind::Response { transaction }));
    check[1] = 0x11;
    assert_eq!(stun_kind(&check), Some(StunKind::Response { transaction }));
    check[0] = 0;
    assert_eq!(stun_kind(&check), Some(StunKind::Indication));
    check[0] = 22;
    assert_eq!(stun_kind(&check), None, "DTLS");
    assert_eq!(stun_kind(&[]), None);
}

/// A valid datagram of a check or of an answer, from either side.
fn datagrams(world: &mut World) -> Vec<Transmit> {
    let mut datagrams = Vec::new();
    for _ in 0..3 {
        world.now += ms(200);
        world.b.agent.handle_timeout(world.now);
        while let Some(sent) = world.b.agent.poll_transmit() {
            world.a.agent.handle_stun(
                world.now,
                Pair::udp(sent.remote, sent.local),
                Datagram::new(&sent.contents),
            );
            datagrams.push(sent);
        }
        while let Some(sent) = world.a.agent.poll_transmit() {
            world.b.agent.handle_stun(
                world.now,
                Pair::udp(sent.remote, sent.local),
                Datagram::new(&sent.contents),
            );
        }
    }
    datagrams
}

proptest! {
    #[test]
    fn any_line_is_survived(line in ".{0,200}") {
        let _ = agent(1).add_remote_candidate(&line);
        let _ = agent(1).add_remote_candidate(&format!("candidate:{line}"));
    }

    #[test]
    fn any_field_may_be_anything(field in 0_usize..8, with in "[ -~]{0,40}") {
        let mut fields: Vec<&str> = HOST.split(' ').collect();
        fields[field] = &with;
        let mut agent = agent(1);
        agent.set_remote_credentials(Credentials::generate());
        let _ = agent.add_remote_candidate(&fields.join(" "));
        agent.handle_timeout(Instant::now());
        while agent.poll_transmit().is_some() {}
    }

    #[test]
    fn any_priority_and_component_are_survived(priority in 1_u32..1 << 31, component: u16) {
        let mut agent = agent(component);
        agent.set_remote_credentials(Credentials::generate());
        let line = format!("candidate:1 {component} udp {priority} 10.0.0.2 2000 typ host");
        prop_assert_eq!(agent.add_remote_candidate(&line), Ok(Accepted::New));
        agent.handle_timeout(Instant::now());
    }

    #[test]
    fn any_datagram_is_survived_and_refused(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::introduced(1);
        let taken = world.a.agent.handle_stun(world.now, Pair::udp(world.a.hosts[0], world.b.hosts[0]), Datagram::new(&datagram));
        prop_assert!(!taken);
        let mut framed = vec![0, 1, 0, datagram.len() as u8, 0x21, 0x12, 0xa4, 0x42];
        framed.extend([7; 12]);
        framed.extend(datagram);
        let _ = stun_kind(&framed);
        let taken = world.a.agent.handle_stun(world.now, Pair::udp(world.a.hosts[0], world.b.hosts[0]), Datagram::new(&framed));
        prop_assert!(!taken);
    }

    #[test]
    fn mutated_datagrams_are_survived(
        which: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut world = World::introduced(1);
        let datagrams = datagrams(&mut world);
        let mut datagram = which.get(&datagrams).contents.clone();
        for (at, byte) in changes {
            *at.get_mut(&mut datagram) = byte;
        }
        if let Some(cut) = cut {
            datagram.truncate(cut.index(datagram.len()));
        }
        let _ = stun_kind(&datagram);
        let stranger = addr("198.51.100.1:9");
        world.a.agent.handle_stun(world.now, Pair::udp(world.a.hosts[0], stranger), Datagram::new(&datagram));
        world.a.agent.handle_stun(world.now, Pair::udp(world.a.hosts[0], world.b.hosts[0]), Datagram::new(&datagram));
        world.a.agent.handle_timeout(world.now);
        prop_assert!(std::iter::from_fn(|| world.a.agent.poll_transmit()).count() <= 8);
    }

    #[test]
    fn the_local_ufrag_is_what_stands_before_the_colon(username in "[ -~]{0,60}", other in "[ -~]{0,9}") {
        let attribute = |typ: u16, value: &str| {
            let mut bytes = typ.to_be_bytes().to_vec();
            bytes.extend((value.len() as u16).to_be_bytes());
            bytes.extend(value.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let attributes = [attribute(0x8022, &other), attribute(6, &username)].concat();
        let mut datagram = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend([9; 12]);
        datagram.extend(attributes);
        let expected = username.split_once(':').map(|(local, _)| local);
        let kind = StunKind::Request { transaction: [9; 12], local_ufrag: expected };
        prop_assert_eq!(stun_kind(&datagram), Some(kind));
    }
}

#[test]
fn a_name_of_multicast_dns_is_one_label_before_local() {
    let line = |address: &str| format!("candidate:1 1 udp 2130706431 {address} 4000 typ host");
    let name = "0b8c9a3e-1f2d-4c5b-8a7e-6d5c4b3a2f1e.local";
    assert_eq!(mdns_name(&line(name)), Some((name, 4000)));
    for other in [
        "10.0.0.1",
        "fd00::1",
        "example.org",
        "a.b.local",
        ".local",
        "local",
    ] {
        assert_eq!(mdns_name(&line(other)), None, "{other}");
    }
    assert_eq!(mdns_name(&line(&format!("{}.local", "x".repeat(64)))), None);
    assert_eq!(mdns_name("candidate:1 1 udp 1 a.local"), None);
    let found = with_address(&line(name), "fd77::1".parse().unwrap());
    assert_eq!(found, Some(line("fd77::1")));
    assert_eq!(
        with_address("candidate:1 1 udp", "fd77::1".parse().unwrap()),
        None
    );
}
