//! Silence, loss of consent, other paths and the end.

use super::*;

/// Two addresses each of one family, connected, and past pruning.
fn two_paths() -> World {
    let mut world = World::new(
        3,
        &["10.0.0.1:1", "10.1.0.1:1"],
        &["10.0.0.2:2", "10.1.0.2:2"],
    );
    world.introduce();
    world.connect();
    world.run_for(secs(40));
    world
}

#[test]
fn once_settled_only_the_selected_pair_is_checked() {
    let mut world = two_paths();
    let (before, timeouts) = (world.link.sent, world.a.timeouts);
    world.run_for(secs(30));
    // A check each way every three seconds, and the answers.
    assert!(
        (36..=44).contains(&(world.link.sent - before)),
        "{}",
        world.link.sent - before
    );
    assert!(
        world.a.timeouts - timeouts <= 30,
        "{}",
        world.a.timeouts - timeouts
    );
}

#[test]
fn once_settled_checks_leave_at_ticks_that_components_share() {
    let mut world = World::new(5, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    let config = Config {
        ticks_from: Some(world.start),
        ..Config::new(1, true, 2)
    };
    world.a = Side::new(config, &["10.0.0.1:1000"], world.now);
    world.run_for(ms(1234)); // it starts at no tick
    world.introduce();
    world.connect();
    world.run_for(secs(20));
    for _ in 0..20 {
        let sent = world.link.sent;
        let due = world.a.agent.poll_timeout().expect("its next check");
        assert_eq!((due - world.start).as_nanos() % 100_000_000, 0);
        world.run_for(due - world.now + ms(10));
        assert!(world.link.sent > sent);
    }
}

#[test]
fn a_peer_that_offers_our_own_address_does_not_cost_us_it() {
    let mut world = World::introduced(13);
    let own = world
        .a
        .agent
        .local_candidates()
        .next()
        .expect("a candidate");
    world.a.agent.add_remote_candidate(&own).unwrap();
    world.connect();
    world.run_for(secs(60));
    world.link.targets.clear();
    world.run_for(secs(60));
    assert!(world.a.agent.selected_pair().is_some());
    assert!(
        world.link.targets.len() <= 88,
        "{}",
        world.link.targets.len()
    );
}

#[test]
fn consent_outlives_the_loss_of_three_of_ten_datagrams() {
    for seed in 0..20 {
        let mut world = World::introduced(seed);
        world.link.loss = 0.3;
        world.run_for(secs(600));
        for side in [&world.a, &world.b] {
            assert!(side.agent.selected_pair().is_some());
            let only_one = matches!(side.events[..], [(_, Event::Selected(_))]);
            assert!(only_one, "{:?}", side.events);
        }
    }
}

#[test]
fn when_the_selected_path_dies_another_takes_over() {
    let mut world = two_paths();
    let dead = world.a.agent.selected_pair().expect("a pair");
    world.link.dead = vec![dead.local, dead.remote];
    let died = world.now;
    world.run_for(secs(12));
    for side in [&world.a, &world.b] {
        let (at, pair) = side.selected().expect("a pair");
        assert_ne!(pair.local, dead.local);
        assert_ne!(pair.remote, dead.local);
        assert!(at - died <= secs(9), "{:?}", at - died);
        assert_eq!(side.agent.selected_pair(), Some(pair));
        assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
    }
    world.run_for(secs(60));
    assert!(world.a.agent.selected_pair().is_some());
}

#[test]
fn sending_stops_within_thirty_seconds_of_silence_and_comes_back() {
    let mut world = World::introduced(4);
    world.connect();
    world.run_for(secs(20));
    world.link.loss = 1.0;
    let silent = world.now;
    world.run_for(secs(30));
    for side in [&world.a, &world.b] {
        assert_eq!(side.agent.selected_pair(), None);
        let (at, event) = side.events.last().expect("an event");
        assert_eq!(*event, Event::Disconnected);
        assert!(
            *at - silent > secs(26) && *at - silent <= secs(30),
            "{:?}",
            *at - silent
        );
    }
    world.link.loss = 0.0;
    world.run_for(secs(10));
    for side in [&world.a, &world.b] {
        assert!(matches!(side.events.last(), Some((_, Event::Selected(_)))));
        assert!(side.agent.selected_pair().is_some());
    }
}

#[test]
fn consent_is_lost_though_the_peers_own_checks_still_arrive() {
    let mut world = World::introduced(5);
    world.connect();
    let local = world.b.hosts[0];
    // From here on B hears nothing, so A gets checks but no answers.
    let end = world.now + secs(31);
    while world.now < end {
        world.link.flying.retain(|_, sent| sent.remote != local);
        world.run_for(ms(1));
    }
    assert_eq!(world.a.agent.selected_pair(), None);
}

#[test]
fn what_stays_lost_fails_with_a_sentence() {
    let mut world = World::introduced(6);
    world.connect();
    world.link.loss = 1.0;
    let silent = world.now;
    world.run_for(secs(120));
    let addresses = [world.b.hosts[0], world.a.hosts[0]];
    for (side, peer) in [&mut world.a, &mut world.b].into_iter().zip(addresses) {
        let (at, Event::Failed(reason)) = side.events.last().expect("an event") else {
            panic!("{:?}", side.events);
        };
        assert!(*at - silent <= secs(60) + ms(10), "{:?}", *at - silent);
        let expected = format!(
            "ICE failed: disconnected from {peer}, no answer for 60 s: is the peer running, and its \
             network up?"
        );
        assert_eq!(reason.to_string(), expected);
        assert_eq!(side.agent.poll_timeout(), None);
        assert_eq!(side.count(|event| matches!(event, Event::Failed(_))), 1);
    }
}

#[test]
fn the_ice_timeout_counts_from_the_loss_of_consent() {
    let mut world = World::new(8, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    let mut config = Config::new(1, true, 2);
    config.ice_timeout = secs(3);
    world.a = Side::new(config, &["10.0.0.1:1000"], world.now);
    world.introduce();
    world.connect();
    world.link.loss = 1.0;
    world.run_for(secs(60));
    let when = |wanted: fn(&Event) -> bool| {
        let mut events = world.a.events.iter();
        events.find(|(_, event)| wanted(event)).expect("it came").0
    };
    let disconnected = when(|event| matches!(event, Event::Disconnected));
    let failed = when(
        |event| matches!(event, Event::Failed(reason) if reason.to_string().contains("disconnected from 10.0.0.2:2000, no answer for 33 s")),
    );
    assert_eq!(failed - disconnected, secs(3));
}

#[test]
fn a_peer_that_never_answers_fails_after_the_timeout() {
    let mut world = World::introduced(7);
    world.link.loss = 1.0;
    let mapped = "candidate:1 1 udp 1694498815 203.0.113.7 4000 typ srflx raddr 0.0.0.0 rport 0";
    world.a.agent.add_remote_candidate(mapped).unwrap();
    world.run_for(secs(120));
    let (at, Event::Failed(failure)) = &world.a.events[0] else {
        panic!("{:?}", world.a.events);
    };
    let reason = failure.to_string();
    assert_eq!(*at - world.start, secs(30));
    assert!(
        reason.contains("2 candidates (1 host, 1 srflx: "),
        "{reason}"
    );
    assert!(world.a.timeouts < 500, "{}", world.a.timeouts);
}

#[test]
fn the_time_runs_anew_once_there_is_something_to_try() {
    let mut world = World::new(8, &["10.0.0.1:1"], &["10.0.0.2:2"]);
    let credentials = world.b.credentials();
    world.a.agent.set_remote_credentials(credentials);
    world.run_for(secs(29));
    world.a.agent.set_end_of_candidates();
    world.run_for(secs(29));
    assert_eq!(world.a.events, []);
    world.run_for(secs(2));
    let (_, Event::Failed(failure)) = &world.a.events[0] else {
        panic!("{:?}", world.a.events);
    };
    let Failure::NoPair(evidence) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(evidence.cause(), Cause::NoRemoteCandidate);
}

#[test]
fn candidates_that_were_given_up_are_tried_again_until_the_timeout() {
    let mut world = World::introduced(11);
    world.link.loss = 1.0;
    world.run_for(secs(28));
    world.link.loss = 0.0;
    world.run_for(secs(1));
    assert!(world.a.agent.selected_pair().is_some());
    assert!(world.b.agent.selected_pair().is_some());
}

#[test]
fn a_silent_peer_is_still_called_where_only_its_checks_had_come_from() {
    let (mut world, outside) = World::translated(12);
    world.link.loss = 1.0;
    world.run_for(secs(15));
    world.link.targets.clear();
    world.run_for(secs(1));
    assert!(world.link.targets.contains(&outside));
}

#[test]
fn a_peer_of_another_address_family_costs_little_until_the_timeout() {
    let mut world = World::new(9, &["10.0.0.1:1"], &["[fd77::2]:2"]);
    world.introduce();
    world.run_for(secs(60));
    assert!(matches!(world.a.events[..], [(_, Event::Failed(_))]));
    assert!(world.a.timeouts < 60, "{}", world.a.timeouts);
}

#[test]
fn a_peer_that_moves_to_another_port_is_followed() {
    let mut world = World::introduced(10);
    world.connect();
    world.run_for(secs(20));
    // Its address translator forgets the mapping: B now appears elsewhere.
    let new = addr("10.0.0.2:2999");
    world.link.translated = Some((world.b.hosts[0], new));
    world.run_for(secs(15));
    for side in [&world.a, &world.b] {
        assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
    }
    assert_eq!(
        world.a.agent.selected_pair().map(|pair| pair.remote),
        Some(new)
    );
    world.run_for(secs(60));
    assert_eq!(
        world.a.agent.selected_pair().map(|pair| pair.remote),
        Some(new)
    );
    assert!(world.b.agent.selected_pair().is_some());
}

#[test]
fn a_side_with_many_dead_candidates_tries_all_again_at_its_pace() {
    let mut world = World::new(41, &["10.0.0.1:1000"], &["10.0.0.2:2000"]);
    for port in 3000..3030 {
        let line = format!("candidate:1 1 udp 2130706431 10.0.0.3 {port} typ host");
        world.a.agent.add_remote_candidate(&line).unwrap();
    }
    world.link.dead.push(world.b.hosts[0]);
    world.introduce();
    world.run_for(secs(20));
    world.link.dead.clear();
    world.link.sent = 0;
    world.run_for(secs(4));
    let checks = world.link.sent;
    assert!(
        checks < 2 * 4 * 50 + 40,
        "both sides, their checks and answers: {checks}"
    );
    assert!(world.a.agent.selected_pair().is_some());
    assert!(world.b.agent.selected_pair().is_some());
}
