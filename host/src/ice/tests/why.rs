//! What an agent has seen when it finds no pair.

use super::*;

/// What a side says in the end.
#[track_caller]
fn evidence(side: &Side) -> &Evidence {
    let mut events = side.events.iter();
    let failed = events.find_map(|(_, event)| match event {
        Event::Failed(Failure::NoPair(evidence)) => Some(&**evidence),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("no end: {:?}", side.events))
}

fn causes(world: &mut World) -> [Cause; 2] {
    world.run_for(secs(65));
    [evidence(&world.a).cause(), evidence(&world.b).cause()]
}

#[test]
fn nothing_gets_through() {
    let mut world = World::introduced(1);
    world.link.loss = 1.0;
    assert_eq!(causes(&mut world), [Cause::UdpBlocked; 2]);
    let evidence = evidence(&world.a);
    let tried = evidence.checks.pairs[0].expect("a pair was tried");
    let pair = Pair::udp(world.a.hosts[0], world.b.hosts[0]);
    assert_eq!((tried.pair, tried.sent), (pair, evidence.checks.sent));
    assert!(tried.sent > 50, "{tried:?}");
    assert_eq!(evidence.checks.pairs[1], None);
    assert_eq!(evidence.heard, PeerChecks::default());
}

#[test]
fn the_peer_has_a_wrong_password() {
    let mut world = World::introduced(1);
    let ufrag = world.b.credentials().ufrag().to_owned();
    let wrong = format!("{ufrag} aWrongPasswordOf24Chars0");
    world
        .a
        .agent
        .set_remote_credentials(wrong.parse().expect("credentials"));
    let [a, b] = causes(&mut world);
    assert_eq!((a, b), (Cause::OneWay, Cause::WrongLocalPassword));
    let heard = &evidence(&world.b).heard;
    assert!(heard.forged > 10, "{heard:?}");
    assert!(heard.forged_from.iter().eq([world.a.hosts[0]]));
}

#[test]
fn the_peer_is_known_by_another_name() {
    let mut world = World::introduced(1);
    let other = Credentials::generate();
    world.a.agent.set_remote_credentials(other);
    let [a, b] = causes(&mut world);
    assert_eq!(
        (a, b),
        (Cause::WrongRemoteCredentials, Cause::OldCredentials)
    );
}

#[test]
fn a_check_for_somebody_else_is_told_of() {
    let mut world = World::introduced(1);
    world.link.loss = 1.0;
    let (to, from) = (Credentials::generate(), world.b.credentials());
    let check = limits::request(&to, &from, to.pwd(), (false, 1), false);
    let remote = world.b.hosts[0];
    world.a.agent.note_stray(remote, Datagram::new(&check));
    world.a.agent.note_stray(remote, Datagram::new(b"hello"));
    assert_eq!(
        causes(&mut world),
        [Cause::OldCredentials, Cause::UdpBlocked]
    );
    assert_eq!(evidence(&world.a).heard.foreign, 1);
}

#[test]
fn the_system_takes_no_check() {
    let mut world = World::introduced(1);
    world.link.loss = 1.0;
    let (remote, server) = (world.b.hosts[0], addr("10.0.0.9:3478"));
    world.run_for(secs(29));
    let unreachable = std::io::ErrorKind::NetworkUnreachable;
    (0..10_000).for_each(|_| world.a.agent.note_unsent(remote, unreachable));
    world.b.agent.note_unsent(server, unreachable);
    assert_eq!(causes(&mut world), [Cause::NoRoute, Cause::UdpBlocked]);
    assert_eq!(evidence(&world.b).checks.unsent, 0, "a server is no peer");
}

#[test]
fn answers_come_from_elsewhere() {
    let mut world = World::introduced(1);
    let elsewhere = addr("10.0.0.7:7777");
    world.link.answers_from = Some((world.b.hosts[0], elsewhere));
    let [a, _] = causes(&mut world);
    assert_eq!(a, Cause::AnsweredElsewhere);
    let checks = &evidence(&world.a).checks;
    assert!(checks.elsewhere_from.iter().eq([elsewhere]), "{checks:?}");
}

#[test]
fn an_error_needs_no_signature() {
    use stun_proto::types::attribute::ErrorCode;
    use stun_proto::types::message::{BINDING, Message, MessageClass, MessageType};
    use stun_proto::types::message::{MessageWrite as _, MessageWriteExt as _, MessageWriteVec};
    let mut world = World::introduced(1);
    world.link.loss = 1.0;
    let agent = &mut world.a.agent;
    agent.handle_timeout(world.now);
    let sent = agent.poll_transmit().expect("a check leaves");
    let mut id = [0; 16];
    id[4..].copy_from_slice(&sent.contents[8..20]);
    let error = MessageType::from_class_method(MessageClass::Error, BINDING);
    let id = u128::from_be_bytes(id).into();
    let mut answer = Message::builder(error, id, MessageWriteVec::new());
    let code = ErrorCode::new(401, "Unauthorized").expect("a code");
    answer.add_attribute(&code).expect("there is room");
    let pair = Pair::udp(sent.local, sent.remote);
    agent.handle_stun(world.now, pair, Datagram::new(&answer.finish()));
    assert_eq!(causes(&mut world)[0], Cause::WrongRemoteCredentials);
    assert_eq!(evidence(&world.a).checks.code, Some(401));
}

#[test]
fn candidates_of_no_use_are_told_of() {
    let useless = |lines: &[&str]| {
        let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
        let credentials = world.b.credentials();
        world.a.agent.set_remote_credentials(credentials);
        for line in lines {
            let taken = world.a.agent.add_remote_candidate(line);
            assert!(matches!(taken, Ok(Accepted::Ignored(_))), "{taken:?}");
        }
        world.a.agent.set_end_of_candidates();
        world.run_for(secs(65));
        evidence(&world.a).cause()
    };
    let name = "candidate:1 1 udp 2130706431 5c1b.local 2000 typ host";
    let tcp = "candidate:1 1 tcp 2130706431 10.0.0.2 2000 typ host tcptype passive";
    let own = "candidate:1 1 udp 2130706431 10.0.0.1 1000 typ host";
    assert_eq!(useless(&[name]), Cause::UnresolvedNames);
    assert_eq!(useless(&[tcp]), Cause::NoCommonTransport);
    assert_eq!(useless(&[own]), Cause::SameAddress);
    assert_eq!(useless(&[]), Cause::NoRemoteCandidate);
}

#[test]
fn sides_of_two_families_are_told_of() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["[fd77::2]:2000"]);
    world.introduce();
    assert_eq!(causes(&mut world), [Cause::NoCommonFamily; 2]);
}

#[test]
fn what_is_announced_is_what_was_offered() {
    let mut world = World::new(1, &["192.168.0.1:1000"], &["10.0.0.2:2000"]);
    let mut config = Config::new(1, true, 2);
    config.announced = [Announced {
        local: None,
        public: addr("203.0.113.7:1").ip(),
    }]
    .into();
    world.a = Side::new(config, &["192.168.0.1:1000"], world.now);
    world.introduce();
    world.link.loss = 1.0;
    let [a, _] = causes(&mut world);
    assert_eq!(a, Cause::WrongAnnounced);
    let offered = evidence(&world.a).local.addresses;
    assert!(offered.iter().eq([addr("203.0.113.7:1000")]));
}

#[test]
fn nothing_is_kept_once_there_is_a_pair() {
    let mut world = World::introduced(1);
    world.connect();
    let shown = world.a.agent.current_evidence().checks;
    assert_eq!(shown.sent, 0, "{shown:?}");
}
