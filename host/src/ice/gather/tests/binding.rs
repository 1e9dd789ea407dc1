use super::*;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_server_tells_how_a_socket_looks_from_outside() {
    let mut world = World::new(&stun_only());
    world.begin();
    assert!(world.run(secs(1.0), |world| !world.found.is_empty()));
    let expected = Found::Reflexive {
        mapped: world.mapped,
        base: addr(BASE),
    };
    assert_eq!(world.found, [(world.start + LATENCY * 2, expected)]);
    assert!(world.gatherer.is_settled());
}

#[test]
fn loss_is_repaired_in_the_rhythm_of_rfc_8489() {
    let mut world = World::new(&stun_only());
    world.loss = 1.0;
    world.begin();
    world.run(secs(60.0), |_| false);
    let at: Vec<f64> = world
        .asked
        .iter()
        .map(|at| at.duration_since(world.start).as_secs_f64())
        .collect();
    assert_eq!(at, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(
        world.troubles(),
        ["stun:stun.example:3478: no answer, is UDP port 3478 blocked?"]
    );
    assert_eq!(world.found[0].0, world.start + secs(39.5));
    assert!(world.gatherer.is_settled());

    world.loss = 0.0;
    world.gatherer.again(world.now);
    assert!(world.run(secs(61.0), |world| world.found.len() == 2));
}

#[test]
fn of_lossy_servers_nearly_all_answer() {
    let answered = (0..50).filter(|seed| {
        let mut world = World::new(&stun_only());
        world.random = fastrand::Rng::with_seed(*seed);
        world.loss = 0.3;
        world.begin();
        world.run(secs(40.0), |world| !world.found.is_empty())
    });
    assert!(answered.count() >= 49);
}

#[test]
fn the_mapping_is_kept_open_and_another_one_is_told() {
    let mut world = World::new(&stun_only());
    world.begin();
    world.run(secs(100.0), |_| false);
    assert_eq!(world.asked.len(), 7, "one each 15 s");
    assert_eq!(world.found.len(), 1, "nothing new");

    world.mapped = addr("192.0.2.34:34");
    world.run(secs(120.0), |_| false);
    let Some((_, Found::Reflexive { mapped, .. })) = world.found.last() else {
        panic!("{:?}", world.found)
    };
    assert_eq!(*mapped, world.mapped);
}

#[test]
fn a_selected_pair_keeps_its_mapping_open_itself() {
    let mut world = World::new(&stun_only());
    world.begin();
    world.run(secs(1.0), |_| false);
    let pair = crate::ice::Pair::udp(addr(BASE), addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    world.run(secs(100.0), |_| false);
    assert_eq!(world.asked.len(), 1);

    world.gatherer.set_selected(world.now, None);
    world.run(secs(101.0), |_| false);
    assert_eq!(
        world.asked.len(),
        2,
        "at once: it may have closed meanwhile"
    );
}

#[test]
fn only_the_server_that_was_asked_can_answer() {
    let mut world = World::new(&stun_only());
    world.begin();
    let request = world.gatherer.poll_transmit().unwrap();
    let message = Message::from_bytes(&request.contents).unwrap();
    let mut forged = Message::builder_success(&message, MessageWriteVec::new());
    let mapped = XorMappedAddress::new(addr(PEER), message.transaction_id());
    forged.add_attribute(&mapped).unwrap();
    let forged = forged.finish();
    let mut handle = |from, datagram: &[u8]| {
        let now = world.now;
        world
            .gatherer
            .handle_answer(now, addr(BASE), from, Datagram::new(datagram))
    };
    assert!(!handle(addr(PEER), &forged), "from elsewhere");
    let mut other = forged.clone();
    other[19] ^= 1;
    assert!(!handle(request.remote, &other), "to another request");
    assert!(!handle(request.remote, &forged[..20]), "cut short");
    assert!(handle(request.remote, &forged));
    assert!(!handle(request.remote, &forged), "twice");
}

#[test]
fn only_who_did_not_answer_is_asked_again() {
    let mut world = World::new(&stun_only());
    let silent = addr("10.0.0.2:5000");
    world.gatherer.add_base(silent);
    world.dead.push(silent);
    world.begin();
    world.run(secs(40.0), |_| false);
    world.asked.clear();
    world.gatherer.again(world.now);
    world.run(secs(40.9), |_| false);
    assert_eq!(
        world.asked.len(),
        2,
        "first after nothing, then after half a second"
    );
}
