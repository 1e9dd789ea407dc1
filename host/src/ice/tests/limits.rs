//! Memory and work that neither a peer nor a stranger can drive up.

use is::DefaultSha1HmacProvider;
use is::Sha1HmacProvider;
use is::stun::{StunMessage, TransId};

use super::*;
use crate::ice::sources::{Sources, Touched};

/// A check to the agent that owns `to`, signed with `pwd`.
pub(super) fn check(to: &Credentials, from: &Credentials, pwd: &str) -> Vec<u8> {
    request(to, from, pwd, (false, 1_845_501_695), false)
}

/// A check of a peer that controls or does not, with a priority, that nominates or does not.
pub(super) fn request(
    to: &Credentials,
    from: &Credentials,
    pwd: &str,
    (controls, priority): (bool, u32),
    nominates: bool,
) -> Vec<u8> {
    let username = format!("{}:{}", to.ufrag(), from.ufrag());
    let id = TransId::new();
    let message = StunMessage::binding_request(&username, id, controls, 1, priority, nominates);
    write(message, pwd)
}

/// The message, signed with `pwd`.
pub(super) fn write(message: StunMessage<'_>, pwd: &str) -> Vec<u8> {
    let mut buffer = vec![0; 600];
    let length = message
        .to_bytes(Some(pwd.as_bytes()), &mut buffer, |key, parts| {
            DefaultSha1HmacProvider.sha1_hmac(key, parts)
        })
        .expect("it fits");
    buffer.truncate(length);
    buffer
}

/// What grows if anything does: the core shows all its lists.
fn size(agent: &Agent) -> usize {
    format!("{agent:?}").len()
}

#[test]
fn two_thousand_sources_of_an_authentic_peer_leave_the_agent_small_and_working() {
    for lite in [false, true] {
        let mut world = World::introduced(1);
        world.a.agent = lite_or_full(lite, world.now);
        world.a.agent.add_local_host(world.a.hosts[0]);
        world.b = Side::new(Config::new(1, true, 2), &["10.0.0.2:2000"], world.now);
        world.introduce();
        world.connect();
        world.run_for(secs(20));
        let selected = world.a.agent.selected_pair().expect("a pair");
        let (to, from) = (world.a.credentials(), world.b.credentials());
        let mut largest = 0;
        for port in 3000..5000 {
            let datagram = request(&to, &from, to.pwd(), (true, 2_130_706_431), true);
            let remote = SocketAddr::new(selected.remote.ip(), port);
            let pair = Pair::udp(selected.local, remote);
            world
                .a
                .agent
                .handle_stun(world.now, pair, Datagram::new(&datagram));
            assert!(!world.a.agent.is_verified(Transport::Udp, remote));
            assert!(world.a.agent.is_verified(Transport::Udp, selected.remote));
            world.run_for(ms(2));
            largest = largest.max(size(&world.a.agent));
        }
        assert!(largest < 80_000, "{largest}");
        world.run_for(secs(60));
        assert_eq!(world.a.agent.selected_pair(), Some(selected));
        assert_eq!(world.a.events.len(), 1, "{:?}", world.a.events);
    }
}

fn lite_or_full(lite: bool, now: Instant) -> Agent {
    let mut config = Config::new(1, false, 1);
    config.lite = lite;
    Agent::new(config, Credentials::generate(), now)
}

/// Requests that leave the agent within a second in which new checks come from so many ports all the time.
fn requests_to(ports: u16, answers: bool) -> usize {
    let mut world = World::introduced(1);
    world.connect();
    world.run_for(secs(20));
    let selected = world.a.agent.selected_pair().expect("a pair");
    let (to, from) = (world.a.credentials(), world.b.credentials());
    let mut requests = 0;
    for round in 0..20_000_u32 {
        let port = 1 + u16::try_from(round % u32::from(ports)).expect("a port");
        let pair = Pair::udp(selected.local, SocketAddr::new([192, 0, 2, 7].into(), port));
        let now = world.now + Duration::from_micros(50) * round;
        let check = check(&to, &from, to.pwd());
        let agent = &mut world.a.agent;
        agent.handle_stun(now, pair, Datagram::new(&check));
        if agent.poll_timeout().is_some_and(|due| due <= now) {
            agent.handle_timeout(now);
        }
        while let Some(sent) = agent.poll_transmit() {
            let message = StunMessage::parse(&sent.contents).expect("it sends STUN");
            if message.is_binding_request() {
                requests += 1;
                if answers {
                    let answer = StunMessage::binding_reply(message.trans_id(), sent.local);
                    let answer = write(answer, from.pwd());
                    agent.handle_stun(now, sent.pair(), Datagram::new(&answer));
                }
            }
        }
    }
    requests
}

#[test]
fn triggered_checks_are_paced_from_however_many_ports_they_are_triggered() {
    for answers in [false, true] {
        let requests = requests_to(400, answers);
        println!("{requests} requests in a second");
        assert!(
            requests <= 61,
            "Ta is 20 ms, and 10 may go before: {requests}"
        );
    }
}

#[test]
fn what_makes_room_for_new_sources_is_not_the_selected_one() {
    let (mut world, outside) = World::translated(5);
    world.run_for(secs(20));
    let (to, from) = (world.a.credentials(), world.b.credentials());
    for port in 1..=200 {
        let remote = SocketAddr::new(outside.ip(), port);
        let datagram = check(&to, &from, to.pwd());
        let pair = Pair::udp(world.a.hosts[0], remote);
        world
            .a
            .agent
            .handle_stun(world.now, pair, Datagram::new(&datagram));
    }
    world.link.loss = 1.0;
    world.link.targets.clear();
    world.run_for(secs(4));
    assert!(world.link.targets.contains(&outside));
}

#[test]
fn the_source_that_leaves_is_the_one_unused_for_longest() {
    let [a, b, c, d] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"]
        .map(|text| (Transport::Udp, addr(text)));
    let mut sources = Sources::new(3);
    let new = |left| Touched::New { left };
    assert_eq!(
        [a, b, c].map(|source| sources.touch(source, None)),
        [new(None); 3]
    );
    assert_eq!(sources.touch(a, None), Touched::Known);
    assert_eq!(sources.touch(d, Some(b)), new(Some(c)));
    assert_eq!(
        [a, b, c, d].map(|source| sources.contains(source)),
        [true, true, false, true]
    );
}

#[test]
fn an_address_that_counts_no_longer_for_others_is_told() {
    let mut world = World::introduced(1);
    let mut config = Config::new(1, false, 1);
    config.max_sources = 2;
    world.a = Side::new(config, &["10.0.0.1:1000"], world.now);
    let hosts = ["10.0.0.2:2000", "10.0.0.3:2000", "10.0.0.4:2000"];
    world.b = Side::new(Config::new(1, true, 2), &hosts, world.now);
    world.introduce();
    world.run_for(secs(3));
    let mut counted: Vec<SocketAddr> = hosts.map(addr).into();
    counted.retain(|host| world.a.agent.is_verified(Transport::Udp, *host));
    assert_eq!(counted.len(), 2);
    let told = |host: &SocketAddr| {
        let event = Event::Unverified(Transport::Udp, *host);
        world.a.events.iter().any(|(_, told)| *told == event)
    };
    let mut others = hosts.map(addr).into_iter();
    assert!(others.any(|host| !counted.contains(&host) && told(&host)));
}

#[test]
fn answers_that_tell_of_ever_new_mappings_leave_the_agent_small() {
    let mut world = World::introduced(2);
    world.connect();
    let selected = world.a.agent.selected_pair().expect("a pair");
    let pwd = world.b.credentials().pwd().to_owned();
    let mut port = 0;
    let mut largest = 0;
    while port < 1000 {
        world.now = world
            .a
            .agent
            .poll_timeout()
            .expect("checks go on")
            .max(world.now);
        world.a.agent.handle_timeout(world.now);
        while let Some(sent) = world.a.agent.poll_transmit() {
            let Ok(request) = StunMessage::parse(&sent.contents) else {
                continue;
            };
            if !request.is_binding_request() {
                continue;
            }
            port += 1;
            let mapped = SocketAddr::new([192, 0, 2, 1].into(), port);
            for (pwd, is_genuine) in [("another password of theirs", false), (pwd.as_str(), true)] {
                let answer = write(StunMessage::binding_reply(request.trans_id(), mapped), pwd);
                let heard = world
                    .a
                    .agent
                    .handle_stun(world.now, selected, Datagram::new(&answer));
                assert_eq!(heard, is_genuine, "after {port}");
            }
        }
        largest = largest.max(size(&world.a.agent));
    }
    assert!(largest < 60_000, "{largest}");
    assert_eq!(world.a.agent.selected_pair(), Some(selected));
}

#[test]
fn a_flood_of_unauthenticated_requests_changes_nothing() {
    let mut world = World::introduced(3);
    world.connect();
    let (to, from) = (world.a.credentials(), world.b.credentials());
    let before = size(&world.a.agent);
    for n in 0..10_000 {
        let datagram = check(&to, &from, "not the password of anyone");
        let remote = SocketAddr::new([198, 51, 100, (n % 250) as u8].into(), 1000 + n);
        assert!(!world.a.agent.handle_stun(
            world.now,
            Pair::udp(addr("10.0.0.1:1000"), remote),
            Datagram::new(&datagram)
        ));
        assert!(!world.a.agent.is_verified(Transport::Udp, remote));
    }
    assert_eq!(world.a.agent.poll_transmit(), None);
    assert_eq!(world.a.agent.poll_event(), None);
    let grown = size(&world.a.agent).abs_diff(before);
    assert!(
        grown < 100,
        "times are written in more or fewer digits: {grown}"
    );
}

#[test]
fn requests_that_wait_for_the_peers_credentials_are_bounded() {
    let now = Instant::now();
    let mut side = Side::new(Config::new(1, true, 1), &["10.0.0.1:1000"], now);
    let (to, from) = (side.credentials(), Credentials::generate());
    let taken = (1..=1000).filter(|port| {
        let remote = SocketAddr::new([10, 0, 0, 2].into(), *port);
        let datagram = check(&to, &from, to.pwd());
        side.agent.handle_stun(
            now,
            Pair::udp(side.hosts[0], remote),
            Datagram::new(&datagram),
        )
    });
    assert_eq!(taken.count(), 32);
    let early = std::iter::from_fn(|| side.agent.poll_transmit());
    assert_eq!(early.count(), 32);
    side.agent.set_remote_credentials(from);
    side.agent.handle_timeout(now);
    let answers = std::iter::from_fn(|| side.agent.poll_transmit());
    assert!(
        (8..=16).contains(&answers.count()),
        "newcomers, and a check for each"
    );
}

#[test]
fn whoever_asks_before_the_peers_credentials_gets_three_bytes_for_each_at_most() {
    for copies in [1, 5] {
        let now = Instant::now();
        let mut side = Side::new(Config::new(1, false, 1), &["10.0.0.1:1000"], now);
        let (to, from) = (side.credentials(), Credentials::generate());
        let datagram = request(&to, &from, to.pwd(), (true, 1_845_501_695), false);
        let pair = Pair::udp(side.hosts[0], addr("10.0.0.2:2000"));
        let mut sent = 0;
        let mut drain = |agent: &mut Agent| {
            while let Some(transmit) = agent.poll_transmit() {
                assert_eq!(transmit.remote, pair.remote);
                sent += transmit.contents.len();
            }
            sent
        };
        for _ in 0..copies {
            assert!(side.agent.handle_stun(now, pair, Datagram::new(&datagram)));
        }
        let early = drain(&mut side.agent);
        assert!(early > 0 && early <= copies * datagram.len(), "{early}");
        side.agent.set_remote_credentials(from);
        let end = now + secs(20);
        while let Some(due) = side.agent.poll_timeout().filter(|due| *due < end) {
            side.agent.handle_timeout(due);
            let most = 3 * copies * datagram.len();
            assert!(drain(&mut side.agent) <= most);
        }
    }
}

#[test]
fn a_response_counts_once_and_only_from_where_the_check_went() {
    let mut world = World::introduced(4);
    let sent = {
        world.a.agent.handle_timeout(world.now);
        world.a.agent.poll_transmit().expect("a check")
    };
    let request = StunMessage::parse(&sent.contents).expect("a check");
    let pwd = world.b.credentials().pwd().to_owned();
    let answer = write(
        StunMessage::binding_reply(request.trans_id(), sent.local),
        &pwd,
    );
    let elsewhere = addr("10.0.0.3:2000");
    let agent = &mut world.a.agent;
    assert!(!agent.handle_stun(
        world.now,
        Pair::udp(sent.local, elsewhere),
        Datagram::new(&answer)
    ));
    assert!(!agent.is_verified(Transport::Udp, elsewhere));
    assert!(agent.handle_stun(
        world.now,
        Pair::udp(sent.local, sent.remote),
        Datagram::new(&answer)
    ));
    assert!(
        !agent.handle_stun(
            world.now,
            Pair::udp(sent.local, sent.remote),
            Datagram::new(&answer)
        ),
        "a replay"
    );
}

#[test]
fn the_peers_candidates_are_capped() {
    let mut side = Side::new(Config::new(1, true, 1), &["10.0.0.1:1000"], Instant::now());
    let line = |port: u16| format!("candidate:1 1 udp 2130706431 10.0.0.2 {port} typ host");
    for port in 1..=32 {
        assert_eq!(
            side.agent.add_remote_candidate(&line(port)),
            Ok(Accepted::New)
        );
    }
    assert_eq!(
        side.agent.add_remote_candidate(&line(7)),
        Ok(Accepted::Known)
    );
    let refused = side.agent.add_remote_candidate(&line(33));
    assert_eq!(refused, Err(CandidateError::TooMany { max: 32 }));
}
