//! Servers at public addresses: ICE-lite, and addresses announced for a NAT that passes everything on.

use super::*;
use crate::ice::announced::announced;
use std::net::IpAddr;

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

/// The addresses that the peer is told of, where sockets are bound to these in their order.
fn told(rules: &[&str], sockets: &[&str]) -> Vec<String> {
    let rules: Vec<Announced> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let mut config = Config::new(1, false, 1);
    config.announced = rules.clone().into();
    let mut agent = Agent::new(config, Credentials::generate(), Instant::now());
    let ips = sockets.iter().map(|ip| ip.parse().unwrap()).collect();
    let mut signalled = Vec::new();
    for ip in in_order(&rules, ips, true) {
        signalled.extend(agent.add_local_host(SocketAddr::new(ip, 5000)));
    }
    let listed: Vec<String> = agent.local_candidates().collect();
    assert_eq!(listed, signalled);
    let address = |line: &String| line.split(' ').nth(4).unwrap().to_owned();
    listed.iter().map(address).collect()
}

#[test]
fn private_addresses_of_the_other_family_are_not_told_beside_announced_ones() {
    let (public, v4, v6) = ("203.0.113.7", "10.0.0.1", "fd00::1");
    assert_eq!(told(&[], &[v6, v4]), [v6, v4]);
    assert_eq!(told(&[public], &[v6, v4]), [public]);
    assert_eq!(
        told(&[public], &["2001:db8::1", v4]),
        [public, "2001:db8::1"]
    );
    assert_eq!(told(&["2001:db8::7"], &[v4, v6]), ["2001:db8::7"]);
    let mobile = "100.64.0.1";
    assert_eq!(told(&["2001:db8::7"], &[mobile, v6]), ["2001:db8::7"]);
    let both = [public, "fd00::1=fd00::1"];
    assert_eq!(told(&both, &[v6, v4]), [v6, public], "it is asked for");
    let other = "10.0.0.9=203.0.113.7";
    assert_eq!(
        told(&[other], &[v6, v4]),
        [v6, v4],
        "none stands for another"
    );
    assert_eq!(
        told(&["10.9.9.9"], &[v6, v4]),
        ["10.9.9.9", v6],
        "of one site"
    );
}

#[test]
fn an_address_that_stands_for_several_is_told_once() {
    let several = ["10.0.0.1", "172.17.0.1", "192.168.0.1"];
    assert_eq!(told(&["203.0.113.7"], &several), ["203.0.113.7"]);
    let rule = "172.17.0.1=203.0.113.7";
    let first = ["203.0.113.7", "10.0.0.1", "192.168.0.1"];
    assert_eq!(told(&[rule], &several), first, "before others");
}

#[test]
fn what_a_stun_server_sees_of_an_announced_address_is_no_news() {
    let mut config = Config::new(1, false, 1);
    config.announced = ["203.0.113.7".parse().unwrap()].into();
    let mut agent = Agent::new(config, Credentials::generate(), Instant::now());
    let base = addr("10.0.0.1:5000");
    agent.add_local_host(base).unwrap();
    let same = addr("203.0.113.7:5000");
    assert_eq!(agent.add_local_reflexive(same, base), None);
    let other = addr("203.0.113.7:6000");
    assert!(agent.add_local_reflexive(other, base).is_some());
    agent.add_local_host(addr("192.168.0.1:7000")).unwrap();
    let kinds = agent.local_candidates();
    let kinds: Vec<String> = kinds
        .map(|line| line.split(' ').nth(7).unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["host", "host", "srflx"]);
}

#[test]
fn an_address_that_is_not_told_has_no_socket_unless_a_server_sees_it() {
    let rules = ["203.0.113.7".parse().unwrap()];
    let ips: Vec<IpAddr> = ["fd00::1", "10.0.0.1"].map(|ip| ip.parse().unwrap()).into();
    assert_eq!(in_order(&rules, ips.clone(), false), ips[1..]);
    assert_eq!(in_order(&rules, ips.clone(), true), [ips[1], ips[0]]);
    assert_eq!(in_order(&rules, ips[..1].to_vec(), false), ips[..1]);
    assert_eq!(in_order(&[], ips.clone(), false), ips);
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
