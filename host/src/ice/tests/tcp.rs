//! ICE-TCP (RFC 6544).

use super::*;

const LISTENERS: [&str; 2] = ["10.0.0.1:1001", "10.0.0.2:2001"];

/// A's mode and B's; with UDP sockets, or over TCP alone. Not introduced.
fn world(seed: u64, modes: [Tcp; 2], has_udp: bool) -> World {
    let hosts = ["10.0.0.1:1000", "10.0.0.2:2000"];
    let mut world = World::new(seed, &[], &[]);
    let roles = [(true, 2), (false, 1)];
    for (index, tcp) in modes.into_iter().enumerate() {
        let (controlling, tie_breaker) = roles[index];
        let mut config = Config::new(1, controlling, tie_breaker);
        config.tcp = tcp;
        let side = side(config, hosts[index], has_udp, world.now);
        *[&mut world.a, &mut world.b][index] = side;
        if tcp.listens() {
            world
                .link
                .connections
                .listeners
                .push(addr(LISTENERS[index]));
            let agent = &mut [&mut world.a, &mut world.b][index].agent;
            agent.add_local_passive(addr(LISTENERS[index])).unwrap();
        }
    }
    world
}

fn side(config: Config, host: &str, has_udp: bool, now: Instant) -> Side {
    let tcp = config.tcp;
    let udp: &[&str] = if has_udp { &[host] } else { &[] };
    let mut side = Side::new(config, udp, now);
    side.hosts = vec![addr(host)];
    if tcp.connects() {
        side.agent.add_local_active(addr(host).ip()).unwrap();
    }
    side
}

fn connected(seed: u64, modes: [Tcp; 2]) -> World {
    let mut world = world(seed, modes, false);
    world.introduce();
    world.connect();
    world
}

/// The pair of the connection that A has made to B.
fn a_to_b() -> Pair {
    Pair::tcp(addr("10.0.0.1:9"), addr(LISTENERS[1]))
}

#[test]
fn whoever_connects_meets_whoever_listens() {
    for (modes, controls) in [
        ([Tcp::Active, Tcp::Passive], true),
        ([Tcp::Passive, Tcp::Active], true),
        ([Tcp::Both, Tcp::Passive], false),
        ([Tcp::Both, Tcp::Both], false),
    ] {
        let mut world = world(70, modes, false);
        if !controls {
            std::mem::swap(&mut world.a, &mut world.b);
        }
        world.introduce();
        let took = world.connect();
        assert!(took < ms(500), "{modes:?}: {took:?}");
        for side in [&world.a, &world.b] {
            let pair = side.agent.selected_pair().expect("a pair");
            assert_eq!(pair.transport, Transport::Tcp);
            assert!(side.agent.is_verified(Transport::Tcp, pair.remote));
            assert!(!side.agent.is_verified(Transport::Udp, pair.remote));
        }
        world.run_for(secs(60));
        let events = [&world.a, &world.b].map(|side| side.count(|e| *e == Event::Disconnected));
        assert_eq!(events, [0, 0], "{modes:?}");
    }
}

#[test]
fn udp_is_preferred_where_it_works_and_tcp_is_there_where_it_does_not() {
    let mut works = world(71, [Tcp::Both; 2], true);
    works.introduce();
    works.connect();
    works.run_for(secs(8));
    let mut blocked = world(72, [Tcp::Both; 2], true);
    blocked.link.dead = vec![blocked.a.hosts[0], blocked.b.hosts[0]];
    blocked.introduce();
    blocked.connect();
    for (world, transport) in [(works, Transport::Udp), (blocked, Transport::Tcp)] {
        for side in [world.a, world.b] {
            let pair = side.agent.selected_pair().expect("a pair");
            assert_eq!(pair.transport, transport);
        }
    }
}

#[test]
fn an_unused_connection_is_left_alone_in_time() {
    let mut world = world(73, [Tcp::Both; 2], true);
    world.introduce();
    world.connect();
    world.run_for(secs(40));
    world.link.targets.clear();
    world.run_for(secs(20));
    let udp = [world.a.hosts[0], world.b.hosts[0]];
    let targets = &world.link.targets;
    assert!(
        udp.iter().all(|host| targets.contains(host)),
        "the pair in use is looked after"
    );
    assert!(targets.iter().all(|to| udp.contains(to)), "{targets:?}");
}

#[test]
fn lines_say_type_direction_and_preference() {
    let world = world(74, [Tcp::Both; 2], true);
    let lines: Vec<String> = world.a.agent.local_candidates().collect();
    let words = |line: &String| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let [udp, active, passive] = &lines.iter().map(words).collect::<Vec<_>>()[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(active[2], "tcp");
    assert_eq!(
        active[4..],
        ["10.0.0.1", "9", "typ", "host", "tcptype", "active"]
    );
    assert_eq!(
        passive[4..],
        ["10.0.0.1", "1001", "typ", "host", "tcptype", "passive"]
    );
    assert_eq!(active[0], passive[0], "one foundation");
    assert_ne!(active[0], udp[0], "another one");
    let priority = |words: &[String]| words[3].parse::<u32>().expect("a number");
    assert!(priority(udp) > priority(active) && priority(active) > priority(passive));
    let direction = |words: &[String]| (priority(words) >> 8 & 0xffff) >> 13;
    assert_eq!(
        (direction(active), direction(passive)),
        (6, 4),
        "RFC 6544, section 4.2"
    );
}

#[test]
fn only_candidates_of_use_are_taken() {
    let line = |kind: &str| format!("candidate:1 1 tcp 1500000000 10.0.0.9 9 typ host{kind}");
    let of = |tcp, kind| {
        let mut config = Config::new(1, true, 1);
        config.tcp = tcp;
        let mut agent = Agent::new(config, Credentials::generate(), Instant::now());
        agent.add_remote_candidate(&line(kind)).unwrap()
    };
    let ignored = Accepted::Ignored(Ignored::Transport);
    for (kind, tcp, accepted) in [
        (" tcptype passive", Tcp::Off, ignored),
        (" tcptype passive", Tcp::Active, Accepted::New),
        (" tcptype passive", Tcp::Passive, ignored),
        (" tcptype active", Tcp::Active, ignored),
        (" tcptype active", Tcp::Passive, Accepted::New),
        (" tcptype so", Tcp::Both, ignored),
        ("", Tcp::Both, ignored),
    ] {
        assert_eq!(of(tcp, kind), accepted, "{kind} for {tcp}");
    }
}

#[test]
fn two_sides_of_one_kind_fail_and_say_so() {
    for mode in [Tcp::Active, Tcp::Passive] {
        let mut world = world(75, [mode; 2], false);
        world.introduce();
        for side in [&mut world.a, &mut world.b] {
            side.agent.set_end_of_candidates();
        }
        world.run_for(secs(60));
        let reason = world.a.events.iter().find_map(|(_, event)| match event {
            Event::Failed(failure) => Some(failure.to_string()),
            _ => None,
        });
        let reason = reason.expect("it fails");
        assert!(
            reason.contains("candidates over TCP") && reason.contains("make no pair"),
            "{reason}"
        );
    }
}

#[test]
fn a_failure_names_what_was_tried() {
    let mut world = world(76, [Tcp::Both; 2], true);
    world.link.connections.listeners.clear();
    world.link.dead = vec![world.a.hosts[0]];
    world.introduce();
    world.run_for(secs(60));
    let failed = |event: &Event| {
        matches!(event, Event::Failed(reason)
        if reason.to_string().contains("3 candidates (1 host, 2 tcp: ") && reason.to_string().contains("seems to stop UDP and TCP"))
    };
    assert_eq!(world.a.count(failed), 1, "{:?}", world.a.events);
}

#[test]
fn a_connection_that_ends_is_lost_and_another_one_is_found() {
    let mut world = connected(77, [Tcp::Active, Tcp::Passive]);
    let pair = a_to_b();
    assert_eq!(world.a.agent.selected_pair(), Some(pair));
    let of_b = world.b.agent.selected_pair().expect("a pair");
    let end = world
        .link
        .connections
        .made
        .remove(&pair)
        .expect("it was made");
    assert_eq!(of_b.remote, end);
    world.a.agent.connection_closed(world.now, pair);
    world.b.agent.connection_closed(world.now, of_b);
    assert!(world.a.agent.selected_pair().is_none() && world.b.agent.selected_pair().is_none());
    // The next one comes from another port.
    let elsewhere = Pair::tcp(addr("10.0.0.3:9"), addr("10.0.0.3:1"));
    world
        .link
        .connections
        .made
        .insert(elsewhere, addr("10.0.0.3:40000"));
    let lost = world.now;
    world.run(lost + secs(5), |world| {
        world.a.agent.selected_pair().is_some() && world.b.agent.selected_pair().is_some()
    });
    assert_eq!(world.a.agent.selected_pair(), Some(pair));
    let again = world.b.agent.selected_pair().expect("another pair");
    assert_ne!(again.remote, end);
    assert!(world.now < lost + secs(1), "{:?}", world.now - lost);
    let disconnected = |side: &Side| side.count(|event| *event == Event::Disconnected);
    assert_eq!((disconnected(&world.a), disconnected(&world.b)), (1, 1));
}

#[test]
fn the_end_of_another_connection_changes_nothing() {
    let mut world = world(78, [Tcp::Both; 2], true);
    world.introduce();
    world.connect();
    world.run_for(secs(3));
    let before = world.a.agent.selected_pair();
    world.a.agent.connection_closed(world.now, a_to_b());
    assert_eq!(world.a.agent.selected_pair(), before);
    assert_eq!(world.a.count(|event| *event == Event::Disconnected), 0);
}

#[test]
fn a_connection_serves_the_next_generation_too() {
    for restarts_a in [true, false] {
        let mut world = connected(79, [Tcp::Active, Tcp::Passive]);
        let made = world.link.connections.made.clone();
        world.run_for(secs(10));
        let (one, other) = match restarts_a {
            true => (&mut world.a, &mut world.b),
            false => (&mut world.b, &mut world.a),
        };
        for side in [&mut *one, &mut *other] {
            side.agent.restart(Credentials::generate());
            side.events.clear();
        }
        assert!(one.agent.selected_pair().is_some(), "data goes on");
        world.introduce();
        world.run_for(secs(5));
        for side in [&world.a, &world.b] {
            assert!(side.selected().is_some(), "a pair of the new generation");
            assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
        }
        assert_eq!(
            world.link.connections.made, made,
            "over the same connection"
        );
    }
}

#[test]
fn a_connection_that_falls_silent_ends_consent() {
    let mut world = connected(80, [Tcp::Active, Tcp::Passive]);
    world.run_for(secs(10));
    world.link.loss = 1.0;
    world.run_for(secs(31));
    assert!(world.a.agent.selected_pair().is_none());
    world.link.loss = 0.0;
    world.run_for(secs(5));
    assert!(
        world.a.agent.selected_pair().is_some(),
        "and is found again"
    );
}

#[test]
fn a_lite_side_listens() {
    let mut world = world(81, [Tcp::Active, Tcp::Passive], false);
    let mut config = Config::new(1, false, 1);
    (config.lite, config.tcp) = (true, Tcp::Passive);
    world.b = side(config, "10.0.0.2:2000", false, world.now);
    let listener = addr(LISTENERS[1]);
    world
        .b
        .agent
        .add_local_passive(listener)
        .expect("a host candidate");
    world.introduce();
    world.connect();
    let remote = world.a.agent.selected_pair().map(|pair| pair.remote);
    assert_eq!(remote, Some(listener));
}

#[test]
fn one_address_may_be_a_socket_s_and_a_listener_s() {
    let mut agent = Agent::new(
        Config::new(1, true, 1),
        Credentials::generate(),
        Instant::now(),
    );
    let host = addr("10.0.0.1:1000");
    assert!(agent.add_local_host(host).is_some());
    assert!(agent.add_local_passive(host).is_some());
    assert!(agent.add_local_passive(host).is_none(), "once");
    assert_eq!(agent.local_candidates().count(), 2);
}

#[test]
fn both_sides_prefer_one_of_two_connections() {
    for seed in 82..92 {
        let mut world = world(seed, [Tcp::Both; 2], false);
        world.link.jitter = ms(30);
        world.introduce();
        world.connect();
        world.run_for(secs(3));
        let [a, b] = [&world.a, &world.b].map(|side| side.agent.selected_pair().expect("a pair"));
        let a_as_b_has_it = match world.link.connections.made.get(&a) {
            Some(made) => Pair::tcp(a.remote, *made),
            None => {
                let made = |(_, local): &(&Pair, &SocketAddr)| **local == a.remote;
                *world
                    .link
                    .connections
                    .made
                    .iter()
                    .find(made)
                    .expect("made")
                    .0
            }
        };
        assert_eq!(a_as_b_has_it, b);
        world.run_for(secs(60));
        for side in [&world.a, &world.b] {
            assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
        }
    }
}

/// What the priority says of the direction, and of the rank among those of its direction (RFC 6544 §4.2).
fn direction_and_rank(line: String) -> (u32, u32) {
    let priority: u32 = line.split(' ').nth(3).unwrap().parse().unwrap();
    let preference = priority >> 8 & 0xffff;
    (preference >> 13, 0x1fff - (preference & 0x1fff))
}

#[test]
fn preferences_tell_the_direction_and_differ() {
    let hosts = ["10.0.0.1", "10.0.0.3", "2001:db8::1"].map(|ip| ip.parse().unwrap());
    let agent = || Side::new(Config::new(1, true, 1), &[], Instant::now()).agent;
    let (mut connects, mut listens) = (agent(), agent());
    let active = hosts.map(|ip| connects.add_local_active(ip).unwrap());
    assert_eq!(active.map(direction_and_rank), [(6, 1), (6, 3), (6, 0)]);
    let passive = hosts.map(|ip| {
        listens
            .add_local_passive(SocketAddr::new(ip, 1001))
            .unwrap()
    });
    assert_eq!(passive.map(direction_and_rank), [(4, 1), (4, 3), (4, 0)]);
}

#[test]
fn what_is_written_is_read() {
    for tcp in [Tcp::Off, Tcp::Active, Tcp::Passive, Tcp::Both] {
        assert_eq!(tcp.to_string().parse(), Ok(tcp));
    }
    assert!("sometimes".parse::<Tcp>().is_err());
    assert_eq!(a_to_b().to_string(), "10.0.0.1:9 to 10.0.0.2:2001 over TCP");
}
