//! ICE restarts.

use super::*;

fn restart(side: &mut Side) {
    side.agent.restart(Credentials::generate());
}

#[test]
fn data_goes_on_over_the_old_pair_until_the_new_one_stands() {
    for both_at_once in [true, false] {
        let mut world = World::introduced(1);
        world.connect();
        world.run_for(secs(1));
        let old = world.a.agent.selected_pair();
        restart(&mut world.a);
        if both_at_once {
            restart(&mut world.b);
        }
        // Signalling is slow: consent must be kept on the old pair meanwhile.
        world.run_for(secs(100 * u64::from(!both_at_once)));
        assert_eq!(world.a.agent.selected_pair(), old);
        assert!(world.b.agent.selected_pair().is_some());
        assert!(
            world
                .a
                .agent
                .is_verified(Transport::Udp, addr("10.0.0.2:2000"))
        );
        assert_eq!(world.a.agent.local_ufrags().count(), 2);
        if !both_at_once {
            restart(&mut world.b);
        }
        world.introduce();
        world.run_for(ms(10));
        for side in [&world.a, &world.b] {
            assert_eq!(side.count(|event| matches!(event, Event::Selected(_))), 2);
            assert_eq!(side.count(|event| *event == Event::Disconnected), 0);
            assert_eq!(side.agent.local_ufrags().count(), 1);
        }
        assert_eq!(world.a.agent.selected_pair(), old);
    }
}

#[test]
fn a_restart_that_never_completes_leaves_the_old_pair_alone() {
    let mut world = World::introduced(2);
    world.connect();
    restart(&mut world.a);
    // The peer's answer names a candidate that is not there.
    world
        .a
        .agent
        .set_remote_credentials(Credentials::generate());
    let nowhere = "candidate:1 1 udp 2130706431 10.9.9.9 9 typ host";
    world.a.agent.add_remote_candidate(nowhere).unwrap();
    world.run_for(secs(200));
    assert!(world.a.agent.selected_pair().is_some());
    assert_eq!(world.a.count(|event| matches!(event, Event::Failed(_))), 0);
}

#[test]
fn a_restart_revives_what_has_failed() {
    let mut world = World::introduced(3);
    world.link.loss = 1.0;
    world.run_for(secs(60));
    assert!(matches!(world.a.events[..], [(_, Event::Failed(_))]));
    world.link.loss = 0.0;
    restart(&mut world.a);
    restart(&mut world.b);
    world.introduce();
    world.run_for(ms(10));
    assert!(world.a.agent.selected_pair().is_some());
    assert!(world.b.agent.selected_pair().is_some());
}

#[test]
fn a_second_restart_before_the_first_completes_keeps_the_pair_too() {
    let mut world = World::introduced(4);
    world.connect();
    let old = world.a.agent.selected_pair();
    restart(&mut world.a);
    restart(&mut world.a);
    world.run_for(secs(60));
    assert_eq!(world.a.agent.selected_pair(), old);
    restart(&mut world.b);
    world.introduce();
    world.run_for(ms(10));
    assert_eq!(
        world.a.count(|event| matches!(event, Event::Selected(_))),
        2
    );
}

#[test]
fn candidates_of_the_old_generation_are_not_taken_for_the_new_one() {
    let mut world = World::introduced(5);
    let stale = "candidate:1 1 udp 2130706431 10.9.9.9 9 typ host ufrag stale";
    let accepted = world.a.agent.add_remote_candidate(stale);
    assert_eq!(accepted, Ok(Accepted::Ignored(Ignored::Generation)));
    restart(&mut world.a);
    // Before the credentials are known it may be either.
    assert_eq!(world.a.agent.add_remote_candidate(stale), Ok(Accepted::New));
    world.a.meet(&world.b);
    assert_eq!(
        world.a.agent.add_remote_candidate(stale),
        Ok(Accepted::Ignored(Ignored::Generation))
    );
}

#[test]
fn an_address_that_the_machine_has_lost_is_neither_used_nor_told_again() {
    let (a, b) = (["10.0.0.1:1", "10.1.0.1:1"], ["10.0.0.2:2", "10.1.0.2:2"]);
    let mut world = World::new(1, &a, &b);
    world.introduce();
    world.connect();
    let mapped = addr("203.0.113.1:1");
    world.a.agent.add_local_reflexive(mapped, world.a.hosts[0]);
    let selected = world.a.agent.selected_pair().expect("a pair").local;
    assert_eq!(selected, world.a.hosts[0]);
    assert_eq!(world.a.agent.default_address(), Some(selected));
    world.a.agent.remove_local_address(selected.ip());
    world.link.dead.push(selected);
    world.link.targets.clear();
    world.run_for(secs(10));
    let left = world.a.hosts[1];
    let local = |world: &World| world.a.agent.selected_pair().map(|pair| pair.local);
    assert_eq!(local(&world), Some(left));
    world.a.agent.restart(Credentials::generate());
    let lines: Vec<String> = world.a.agent.local_candidates().collect();
    assert!(
        lines.len() == 1 && lines[0].contains(" 10.1.0.1 1 "),
        "{lines:?}"
    );
    assert_eq!(world.a.agent.default_address(), Some(left));
    world.b.agent.restart(Credentials::generate());
    world.introduce();
    world.connect();
    assert_eq!(local(&world), Some(left));
    let back = world.a.agent.add_local_host(selected);
    assert!(back.is_some(), "it may come back");
}
