//! Finding a pair.

use super::*;

#[test]
fn both_sides_select_the_same_pair_within_a_few_milliseconds() {
    let mut world = World::introduced(1);
    let took = world.connect();
    assert!(took <= ms(5), "{took:?}");
    let pair = Pair::udp(addr("10.0.0.1:1000"), addr("10.0.0.2:2000"));
    assert_eq!(world.a.agent.selected_pair(), Some(pair));
    let mirrored = Pair::udp(pair.remote, pair.local);
    assert_eq!(world.b.agent.selected_pair(), Some(mirrored));
    assert!(world.a.agent.is_verified(Transport::Udp, pair.remote));
    assert!(world.b.agent.is_verified(Transport::Udp, pair.local));
    assert!(world.a.agent.controlling() && !world.b.agent.controlling());
}

#[test]
fn addresses_of_every_family_and_of_loopback_work() {
    for (a, b) in [
        ("[fd77::1]:1000", "[fd77::2]:2000"),
        ("127.0.0.1:1000", "127.0.0.1:2000"),
        ("[::1]:1000", "[::1]:2000"),
    ] {
        let mut world = World::new(1, &[a], &[b]);
        world.introduce();
        assert!(world.connect() <= ms(5), "{a} {b}");
    }
}

#[test]
fn a_check_from_before_the_peers_credentials_is_answered_at_once() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    world.a.meet(&world.b);
    world.run_for(ms(10));
    assert!(world.a.agent.selected_pair().is_some());
    assert_eq!(world.b.agent.selected_pair(), None);
    world.b.meet(&world.a);
    world.connect();
}

#[test]
fn a_role_conflict_from_before_the_peers_credentials_is_settled_when_they_are_known() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    world.b = Side::new(Config::new(1, true, 9), &["10.0.0.2:2000"], world.now);
    world.a.meet(&world.b);
    world.run_for(ms(90));
    assert_eq!(world.a.agent.selected_pair(), None);
    world.b.meet(&world.a);
    world.connect();
    assert!(world.b.agent.controlling() && !world.a.agent.controlling());
}

#[test]
fn credentials_that_never_come_are_the_end_after_the_ice_timeout() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    let failed = |side: &Side| {
        let mut events = side.events.iter();
        events.find_map(|(at, event)| match event {
            Event::Failed(failure) => Some((*at, failure.to_string())),
            _ => None,
        })
    };
    world.run_for(ms(29_900));
    world.b.agent.set_remote_credentials(world.a.credentials());
    world.run_for(secs(20));
    let (at, reason) = failed(&world.a).expect("it has waited for too long");
    assert_eq!(at - world.start, secs(30));
    assert!(
        reason.contains("credentials have not come within 30 s"),
        "{reason}"
    );
    assert_eq!(failed(&world.b), None, "candidates may come");
    world.run_for(secs(20));
    let (at, reason) = failed(&world.b).expect("they have not come");
    assert_eq!(at - world.start, ms(59_900));
    assert!(reason.contains("no candidate"), "{reason}");
}

#[test]
fn checks_that_come_before_the_peers_credentials_are_taken_when_they_are_known() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    world.a.meet(&world.b);
    world.run_for(ms(90));
    assert_eq!(world.b.agent.selected_pair(), None);
    world.b.meet(&world.a);
    let took = world.connect();
    assert!(took <= ms(95), "{took:?}");
}

#[test]
fn a_peer_whose_candidates_never_come_is_reached_where_its_checks_come_from() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    world.a.agent.set_remote_credentials(world.b.credentials());
    world.b.meet(&world.a);
    assert!(world.connect() <= ms(10));
}

#[test]
fn a_role_conflict_is_settled_by_the_tie_breaker() {
    for role in [true, false] {
        let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
        for (side, tie_breaker) in [(&mut world.a, 7), (&mut world.b, 9)] {
            let hosts: Vec<String> = side.hosts.iter().map(SocketAddr::to_string).collect();
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            *side = Side::new(Config::new(1, role, tie_breaker), &hosts, world.now);
        }
        world.introduce();
        world.connect();
        assert_eq!(
            world.b.agent.controlling(),
            role,
            "the higher tie-breaker keeps its role"
        );
        assert_eq!(world.a.agent.controlling(), !role);
    }
}

#[test]
fn any_component_id_works_and_is_on_the_line() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    world.a = Side::new(Config::new(2, true, 2), &["10.0.0.1:1000"], world.now);
    world.b = Side::new(Config::new(2, false, 1), &["10.0.0.2:2000"], world.now);
    let line = world.a.agent.local_candidates().next().unwrap();
    let fields: Vec<&str> = line.split(' ').collect();
    // Type preference 126, first IPv4 address, 256 - 2.
    let priority = (126 << 24 | 65_534 << 8 | 254).to_string();
    assert_eq!(
        fields[1..],
        ["2", "udp", &priority, "10.0.0.1", "1000", "typ", "host"]
    );
    world.introduce();
    assert!(world.connect() <= ms(5));
}

#[test]
fn of_two_addresses_each_both_sides_come_to_use_the_same_pair() {
    for seed in 0..50 {
        let (a, b) = (["10.0.0.1:1", "10.1.0.1:1"], ["10.0.0.2:2", "10.1.0.2:2"]);
        let mut world = World::new(seed, &a, &b);
        world.link.loss = 0.2;
        world.link.jitter = ms(20);
        world.introduce();
        world.connect();
        world.run_for(secs(60));
        let pair = world.a.agent.selected_pair().expect("a pair");
        let mirrored = Pair::udp(pair.remote, pair.local);
        assert_eq!(world.b.agent.selected_pair(), Some(mirrored), "seed {seed}");
    }
}

/// RFC 8421 §4: a family that does not get through holds up the other by one check.
#[test]
fn candidates_of_both_families_are_interleaved_and_checked_in_turn() {
    let a = [
        "10.0.0.1:1",
        "10.0.0.2:1",
        "10.0.0.3:1",
        "[fd77::1]:1",
        "[fd77::2]:1",
    ];
    let mut world = World::new(1, &a, &["10.1.0.1:2", "[fd78::1]:2"]);
    let mut lines: Vec<String> = world.a.agent.local_candidates().collect();
    let priority = |line: &String| line.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
    lines.sort_by_key(|line| std::cmp::Reverse(priority(line)));
    let addresses = lines.iter().map(|line| line.split(' ').nth(4).unwrap());
    assert_eq!(
        addresses.collect::<Vec<_>>(),
        ["fd77::1", "10.0.0.1", "fd77::2", "10.0.0.2", "10.0.0.3"]
    );
    world.a.meet(&world.b);
    world.link.loss = 1.0;
    world.run_for(ms(30)); // two checks at the pace of Ta
    assert_eq!(
        world.link.targets,
        [addr("[fd78::1]:2"), addr("10.1.0.1:2")]
    );
}

/// Median and worst time until both sides have a pair, over 1,000 seeds.
fn times(loss: f64, latency: Duration) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..1000)
        .map(|seed| {
            let mut world = World::introduced(seed);
            world.link.loss = loss;
            world.link.latency = latency;
            world.link.jitter = latency;
            world.link.duplicates = 0.05;
            world.connect()
        })
        .collect();
    times.sort();
    println!(
        "loss {loss}, latency {latency:?} to twice that: median {:?}, 99 % {:?}, worst {:?}",
        times[500], times[990], times[999]
    );
    (times[500], times[999])
}

#[test]
fn without_loss_a_pair_takes_two_round_trips() {
    for latency in [ms(1), ms(50)] {
        let (_, worst) = times(0.0, latency);
        assert!(worst <= 8 * latency, "{worst:?}");
    }
}

#[test]
fn with_three_of_ten_datagrams_lost_most_pairs_take_well_below_a_second() {
    for latency in [ms(1), ms(50)] {
        let (median, worst) = times(0.3, latency);
        assert!(median <= ms(400), "{median:?}");
        assert!(worst <= secs(3), "{worst:?}");
    }
}

#[test]
fn a_seed_decides_the_course_of_things() {
    let course = |seed| {
        let mut world = World::introduced(seed);
        world.link.loss = 0.3;
        world.link.jitter = ms(30);
        world.run_for(secs(20));
        let since = |(at, event): &(Instant, Event)| (*at - world.start, event.clone());
        let events = world.a.events.iter().map(since).collect::<Vec<_>>();
        (events, world.link.sent)
    };
    assert_eq!(course(1), course(1));
    assert_ne!(course(1), course(2));
}

#[test]
fn a_role_conflict_is_told_as_often_as_it_is_asked() {
    const ERROR: [u8; 2] = [0x01, 0x11];
    let mut world = World::introduced(9);
    let (to, from) = (world.a.credentials(), world.b.credentials());
    let check = limits::request(&to, &from, to.pwd(), (true, 1), false);
    let pair = Pair::udp(world.a.hosts[0], world.b.hosts[0]);
    for _ in 0..2 {
        let agent = &mut world.a.agent;
        agent.handle_stun(world.now, pair, Datagram::new(&check));
        let mut sent = std::iter::from_fn(|| agent.poll_transmit());
        assert!(sent.any(|sent| sent.contents.starts_with(&ERROR)));
    }
    assert!(world.a.agent.controlling());
}
