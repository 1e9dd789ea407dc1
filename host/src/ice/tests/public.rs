//! Servers at public addresses: ICE-lite, and addresses announced for a NAT that passes everything on.

use super::*;
use crate::ice::announced::announced;

/// A full side, and a lite one that has not been introduced to it.
fn with_lite(seed: u64, host: &str) -> World {
    let mut world = World::new(seed, &["10.0.0.1:1000"], &[host]);
    let mut config = Config::new(1, false, 1);
    config.lite = true;
    world.b = Side::new(config, &[host], world.now);
    world
}

/// How many requests have left this address within a while, seen on their way.
fn requests_from(world: &mut World, side: SocketAddr, span: Duration) -> usize {
    world.link.latency = ms(3); // longer than from one look to the next
    let end = world.now + span;
    let mut seen = std::collections::HashSet::new();
    while world.now < end {
        for (key, transmit) in &world.link.flying {
            let kind = stun_kind(&transmit.contents);
            if transmit.local == side && matches!(kind, Some(StunKind::Request { .. })) {
                seen.insert(*key);
            }
        }
        world.run_for(ms(1));
    }
    seen.len()
}

#[test]
fn a_lite_side_seeks_nobody_and_checks_who_has_checked_it() {
    let mut world = with_lite(31, "10.0.0.2:2000");
    let full = world.a.hosts[0];
    world.b.meet(&world.a);
    let lite = world.b.hosts[0];
    assert_eq!(requests_from(&mut world, lite, secs(3)), 0);
    world.a.meet(&world.b);
    assert!(requests_from(&mut world, lite, secs(10)) > 0);
    assert!(world.a.agent.selected_pair().is_some());
    let selected = world.b.agent.selected_pair();
    assert_eq!(selected.map(|pair| pair.remote), Some(full));
    assert!(!world.b.agent.controlling());
}

#[test]
fn a_lite_side_needs_no_candidates_of_its_peer() {
    let mut world = with_lite(32, "10.0.0.2:2000");
    let credentials = world.a.credentials();
    world.b.agent.set_remote_credentials(credentials);
    world.a.meet(&world.b);
    world.connect();
    assert!(world.b.agent.selected_pair().is_some());
}

#[test]
fn a_lite_side_lives_by_its_peers_checks_and_no_longer() {
    let mut world = with_lite(33, "10.0.0.2:2000");
    world.introduce();
    world.connect();
    world.run_for(secs(120));
    assert!(world.b.agent.selected_pair().is_some());
    assert_eq!(world.b.count(|event| *event == Event::Disconnected), 0);
    world.link.dead.push(world.a.hosts[0]);
    world.run_for(secs(31));
    assert!(world.b.agent.selected_pair().is_none());
    world.link.dead.clear();
    world.run_for(secs(10));
    assert!(world.b.agent.selected_pair().is_some(), "it recovers");
}

/// A lite side that is connected, whose peer answers no more. Its check is given to it each 3 s, from each of these
/// addresses in turn; another each time if they are `new`.
fn with_mute_peer(seed: u64, sources: &[SocketAddr], new: bool) -> World {
    let mut world = with_lite(seed, "10.0.0.2:2000");
    world.introduce();
    world.connect();
    let local = world.b.hosts[0];
    let (to, from) = (world.b.credentials(), world.a.credentials());
    world.link.dead.push(world.a.hosts[0]);
    let mut check = limits::check(&to, &from, to.pwd());
    for _ in 0..40 {
        world.run_for(secs(3));
        for source in sources {
            let (now, agent) = (world.now, &mut world.b.agent);
            agent.handle_stun(now, Pair::udp(local, *source), Datagram::new(&check));
        }
        if new {
            check = limits::check(&to, &from, to.pwd());
        }
    }
    world
}

#[test]
fn new_checks_of_a_peer_that_answers_none_are_consent_to_a_lite_side() {
    let peer = addr("10.0.0.1:1000");
    let world = with_mute_peer(36, &[peer], true);
    let selected = world.b.agent.selected_pair();
    assert_eq!(selected.map(|pair| pair.remote), Some(peer));
    assert_eq!(world.b.count(|event| *event == Event::Disconnected), 0);
}

#[test]
fn copied_checks_are_no_consent_to_a_lite_side() {
    let (peer, attacker) = (addr("10.0.0.1:1000"), addr("192.0.2.7:7"));
    for sources in [&[peer][..], &[attacker, peer], &[attacker]] {
        let world = with_mute_peer(37, sources, false);
        assert_eq!(world.b.agent.selected_pair(), None, "{sources:?}");
        assert_eq!(world.b.count(|event| *event == Event::Disconnected), 1);
    }
}

#[test]
fn new_checks_from_elsewhere_are_no_consent_to_a_lite_side() {
    let world = with_mute_peer(38, &[addr("192.0.2.7:7")], true);
    assert_eq!(world.b.agent.selected_pair(), None);
}

#[test]
fn a_full_side_takes_control_of_a_lite_one() {
    let mut world = with_lite(34, "10.0.0.2:2000");
    world.a = Side::new(Config::new(1, false, 2), &["10.0.0.1:1000"], world.now);
    world.introduce();
    world.a.agent.take_control();
    world.connect();
    assert!(world.a.agent.controlling());
    assert!(!world.b.agent.controlling());
}

#[test]
fn the_peer_is_told_the_announced_address_and_connects_to_it() {
    let mut world = World::new(35, &["10.0.0.1:1000"], &["192.168.0.2:2000"]);
    let outside = addr("203.0.113.7:2000");
    let mut config = Config::new(1, false, 1);
    config.announced = ["192.168.0.2=203.0.113.7".parse().unwrap()].into();
    world.b = Side::new(config, &["192.168.0.2:2000"], world.now);
    world.link.translated = Some((world.b.hosts[0], outside));
    let lines: Vec<String> = world.b.agent.local_candidates().collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(" 203.0.113.7 2000 typ host"), "{lines:?}");
    assert!(!lines[0].contains("192.168"), "{lines:?}");
    // Without a candidate of the peer's, so that nothing but the told address can work.
    let credentials = world.a.credentials();
    world.b.agent.set_remote_credentials(credentials);
    world.a.meet(&world.b);
    world.connect();
    assert_eq!(
        world.a.agent.selected_pair().map(|pair| pair.remote),
        Some(outside)
    );
    assert_eq!(
        world.b.agent.selected_pair().map(|pair| pair.local),
        Some(world.b.hosts[0])
    );
}

#[test]
fn an_address_is_announced_for_its_family_or_for_one_other() {
    let rule = |text: &str| text.parse::<Announced>();
    let any = [rule("203.0.113.7").unwrap()];
    assert_eq!(announced(&any, addr("10.0.0.1:5")), addr("203.0.113.7:5"));
    assert_eq!(announced(&any, addr("[fd00::1]:5")), addr("[fd00::1]:5"));
    let one = [rule("10.0.0.1=203.0.113.7").unwrap()];
    assert_eq!(announced(&one, addr("10.0.0.1:5")), addr("203.0.113.7:5"));
    assert_eq!(announced(&one, addr("10.0.0.2:5")), addr("10.0.0.2:5"));
    for wrong in [
        "",
        "=",
        "10.0.0.1=",
        "fd00::1=203.0.113.7",
        "0.0.0.0",
        "name",
        "224.0.0.1",
    ] {
        let error = rule(wrong).expect_err(wrong).to_string();
        assert!(error.contains("LOCAL=PUBLIC"), "{error}");
    }
}
