//! Candidates that servers give: beside those of sockets, in their place, and gone again.

use super::*;

const RELAY: &str = "203.0.113.9:49000";

#[test]
fn candidates_tell_where_they_come_from() {
    let mut world = World::new(1, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    let agent = &mut world.a.agent;
    let mapped = agent.add_local_reflexive(addr("192.0.2.1:7"), addr("10.0.0.1:1000"));
    let line = mapped.expect("it is new");
    assert!(
        line.ends_with(" 192.0.2.1 7 typ srflx raddr 10.0.0.1 rport 1000"),
        "{line}"
    );
    let line = agent
        .add_local_relayed(addr(RELAY), addr("10.0.0.1:6000"))
        .expect("it is new");
    assert!(
        line.ends_with(" 203.0.113.9 49000 typ relay raddr 0.0.0.0 rport 9"),
        "{line}"
    );
    let priority = |line: &str| line.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
    let priorities: Vec<u32> = agent
        .local_candidates()
        .map(|line| priority(&line))
        .collect();
    assert!(priorities.is_sorted_by(|a, b| a > b), "{priorities:?}");
    let foundation = |line: String| line.split(' ').next().unwrap().to_owned();
    let foundations: std::collections::BTreeSet<String> =
        agent.local_candidates().map(foundation).collect();
    assert_eq!(foundations.len(), 3);
}

#[test]
fn a_mapping_that_tells_nothing_new_is_no_candidate() {
    let mut world = World::new(2, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    let agent = &mut world.a.agent;
    let base = addr("10.0.0.1:1000");
    assert_eq!(agent.add_local_reflexive(base, base), None, "no NAT");
    assert!(
        agent
            .add_local_reflexive(addr("192.0.2.1:7"), base)
            .is_some()
    );
    assert_eq!(
        agent.add_local_reflexive(addr("192.0.2.1:7"), base),
        None,
        "twice"
    );
    assert_eq!(
        agent.add_local_reflexive(addr("[2001:db8::1]:7"), base),
        None,
        "the other family"
    );
    assert_eq!(
        agent.add_local_reflexive(addr("0.0.0.0:7"), base),
        None,
        "no address"
    );
}

/// Both connected, `a` by its relay only.
fn relayed(seed: u64) -> World {
    let mut world = World::new(seed, &[], &["10.0.0.2:2000"]);
    let relay = addr(RELAY);
    world
        .a
        .agent
        .add_local_relayed(relay, addr("10.0.0.1:6000"))
        .unwrap();
    world.a.hosts.push(relay);
    world.introduce();
    world.connect();
    world
}

#[test]
fn a_relayed_candidate_is_its_own_base() {
    let mut world = relayed(3);
    let pair = world.a.agent.selected_pair().unwrap();
    assert_eq!(
        (pair.local, pair.remote),
        (addr(RELAY), addr("10.0.0.2:2000"))
    );
    // Pruning spares it.
    world.run_for(secs(60));
    assert_eq!(world.a.agent.selected_pair(), Some(pair));
    assert_eq!(world.a.count(|event| *event == Event::Disconnected), 0);
}

#[test]
fn a_relay_that_is_gone_takes_its_pairs_along_and_another_follows() {
    let mut world = relayed(4);
    world.a.agent.remove_local_relayed(addr(RELAY));
    assert_eq!(world.a.agent.selected_pair(), None);
    assert_eq!(world.a.agent.local_candidates().count(), 0);
    world.run_for(secs(5));
    assert_eq!(world.a.count(|event| *event == Event::Disconnected), 1);

    let next = addr("203.0.113.9:49001");
    world
        .a
        .agent
        .add_local_relayed(next, addr("10.0.0.1:6001"))
        .unwrap();
    world.a.hosts[0] = next;
    world.run_for(secs(5));
    assert_eq!(
        world.a.agent.selected_pair().map(|pair| pair.local),
        Some(next)
    );
}

#[test]
fn a_restart_keeps_what_servers_gave() {
    let mut world = relayed(5);
    world
        .a
        .agent
        .add_local_reflexive(addr("192.0.2.1:7"), addr(RELAY));
    let before: Vec<String> = world.a.agent.local_candidates().collect();
    world.a.agent.restart(Credentials::generate());
    assert_eq!(world.a.agent.local_candidates().collect::<Vec<_>>(), before);
}

#[test]
fn a_failure_tells_from_where_it_was_tried() {
    let mut world = World::introduced(6);
    world
        .a
        .agent
        .add_local_relayed(addr(RELAY), addr("10.0.0.1:6000"))
        .unwrap();
    world.link.loss = 1.0;
    world.run_for(secs(40));
    let (_, Event::Failed(failure)) = &world.a.events[0] else {
        panic!("{:?}", world.a.events);
    };
    let reason = failure.to_string();
    assert!(
        reason.contains("from 2 candidates (1 host, 1 relay: "),
        "{reason}"
    );
}

#[test]
fn a_relay_that_is_gone_takes_no_other_along() {
    let mut world = World::new(7, &[], &["10.0.0.2:2000"]);
    let [first, second] = [addr(RELAY), addr("203.0.113.9:49001")];
    for relay in [first, second] {
        let agent = &mut world.a.agent;
        agent
            .add_local_relayed(relay, addr("10.0.0.1:6000"))
            .unwrap();
        world.a.hosts.push(relay);
    }
    world.link.dead.push(second);
    world.introduce();
    world.connect();
    let pair = world.a.agent.selected_pair().unwrap();
    assert_eq!(pair.local, first);
    world.a.agent.remove_local_relayed(second);
    let mut from = Vec::new();
    for _ in 0..200 {
        world.now += ms(20);
        world.a.agent.handle_timeout(world.now);
        from.extend(std::iter::from_fn(|| world.a.agent.poll_transmit()).map(|sent| sent.local));
    }
    assert!(from.contains(&first) && !from.contains(&second), "{from:?}");
    world.run_for(secs(60));
    for side in [&world.a, &world.b] {
        assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
    }
    assert_eq!(world.a.agent.selected_pair(), Some(pair));
}
