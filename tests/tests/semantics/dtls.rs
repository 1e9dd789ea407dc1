//! The same promises with a real handshake: `dtls-srtp`, loaded from its library.
use crate::{ms, secs};
use handclasp::stream::Message;
use handclasp_tests::{
    Backend, Party, Side, Signalling, SrtpKeys, World, for_each_backend, plugin,
};
use std::collections::HashSet;
use std::time::Duration;

pub(crate) fn dtls(version: &str) -> Party {
    Party::new(plugin("dtls-srtp")).option("version", version)
}

/// How long the slower side's handshake took from its READY; `None` if it did not finish.
fn handshake(party: &Party, seed: u64) -> Option<Duration> {
    let backend = match seed % 2 {
        0 => Backend::immediate(),
        _ => Backend::delayed(seed, ms(10)),
    };
    let mut world = World::new(seed, backend);
    world.add(party, party);
    world.link.make_bad();
    let end = secs(120);
    while world.elapsed() < end && !world.sides.iter().all(Side::is_ready) {
        world.run_for(ms(100));
    }
    let took = |side: &Side| Some(side.when("ready")? - side.when("selected")?);
    let [first, second] = [took(&world.sides[0])?, took(&world.sides[1])?];
    assert_eq!(
        keys(&world.sides[0]),
        keys(&world.sides[1]).mirrored(),
        "both agree"
    );
    Some(first.max(second))
}

pub(crate) fn keys(side: &Side) -> SrtpKeys {
    SrtpKeys::parse(&side.handshake_data(1).expect("it has finished"))
}

/// A thousand handshakes at 30 % loss each way, of ICE's datagrams and DTLS's alike, on two threads.
fn survives_loss(version: &str) {
    const WORKERS: u64 = 2;
    let party = dtls(version);
    let work = |worker: u64| -> Vec<_> {
        let seeds = (0..1000).filter(|seed| seed % WORKERS == worker);
        seeds.map(|seed| (handshake(&party, seed), seed)).collect()
    };
    let mut took: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().expect("no handshake is a crash")
        };
        workers.into_iter().flat_map(join).collect()
    });
    took.sort_unstable();
    assert_eq!(took.len(), 1000);
    let late: Vec<_> = took
        .iter()
        .filter(|(took, _)| took.is_none_or(|took| took > secs(30)))
        .collect();
    assert!(
        late.is_empty(),
        "not within 30 s of READY, by seed: {late:?}"
    );
    let [median, slowest] = [500, 999].map(|index| took[index].0.unwrap_or_default());
    println!("DTLS {version} at 30 % loss: median {median:?}, slowest {slowest:?}");
}

#[test]
fn s16_dtls_1_2_survives_loss() {
    survives_loss("1.2");
}

#[test]
fn s16_dtls_1_3_survives_loss() {
    survives_loss("1.3");
}

#[test]
fn s06_dtls_authenticates_over_a_description() {
    for_each_backend(|backend| {
        let mut world = World::pair(
            backend,
            &dtls("auto").components(2),
            &dtls("auto").components(2),
        );
        world.signalling = Signalling::Sdp;
        world.connect();
        assert!(world.sides.iter().all(|side| side.count("failed") == 0));
    });
}

#[test]
fn s06_dtls_refuses_a_peer_with_another_certificate_than_described() {
    for version in ["1.2", "1.3"] {
        for_each_backend(|backend| {
            let mut world = World::pair(backend, &dtls(version), &dtls(version));
            world.signalling = Signalling::None;
            world.run_for(secs(1));
            let offer = describe(&mut world, 0);
            hear(&mut world, 1, other_fingerprint(&offer));
            let answer = describe(&mut world, 1);
            hear(&mut world, 0, answer);
            world.run_for(secs(40));
            let told = world.sides[1].told(&["ready", "handshake_data", "failed"]);
            assert!(
                matches!(&told[..], [failed] if failed.contains("fingerprint")),
                "{told:?}"
            );
            // The other side was told, in a way that proves nothing.
            let told = world.sides[0].told(&["ready", "handshake_data", "failed"]);
            let hears = |failed: &str| {
                failed.contains("the peer ended DTLS with the alert 42 (bad_certificate)")
                    && failed.ends_with("give it this side's init data again")
            };
            assert!(matches!(&told[..], [failed] if hears(failed)), "{told:?}");
        });
    }
}

fn describe(world: &mut World, side: usize) -> String {
    let asked = world.tell(side, Message::GenerateLocalSdp);
    asked.expect("it has started");
    world.sides[side].description()
}

fn hear(world: &mut World, side: usize, sdp: String) {
    let heard = world.tell(side, Message::ParseRemoteSdp { sdp });
    heard.expect("it is a description");
}

/// The description of someone whose certificate differs in one hexadecimal digit.
fn other_fingerprint(sdp: &str) -> String {
    let end = sdp
        .find("a=fingerprint:")
        .map(|start| start + sdp[start..].find("\r\n").expect("lines end"));
    let last = end.expect("it has a fingerprint") - 1;
    let other = if &sdp[last..=last] == "0" { "1" } else { "0" };
    [&sdp[..last], other, &sdp[last + 1..]].concat()
}

#[test]
fn s19_starting_again_reuses_no_traffic_keys() {
    let mut seen = HashSet::new();
    for version in ["1.2", "1.3"] {
        let mut world = World::new(1, Backend::immediate());
        for round in 0..20 {
            world.add(&dtls(version), &dtls(version));
            world.connect();
            let SrtpKeys { local, remote, .. } = keys(&world.sides[2 * round]);
            assert!(
                seen.insert(local) && seen.insert(remote),
                "a key came twice"
            );
            for side in [2 * round, 2 * round + 1] {
                world.tell(side, Message::Stop).expect("it runs");
            }
        }
    }
}

#[test]
fn s19_a_dtls_close_reaches_the_peer() {
    for version in ["1.2", "1.3"] {
        for_each_backend(|backend| {
            let mut world = World::pair(backend, &dtls(version), &dtls(version));
            world.connect();
            world.tell(0, Message::Close).expect("it runs");
            world.run_for(secs(1));
            assert_eq!(
                world.sides[1].told(&["closed", "failed"]),
                ["closed 1 by peer"]
            );
        });
    }
}

#[test]
fn s20_dtls_outlives_an_ice_restart() {
    for_each_backend(|backend| {
        let mut world = World::pair(backend, &dtls("1.3"), &dtls("1.3"));
        world.connect();
        world
            .tell(1, Message::RestartStream)
            .expect("there is something to restart");
        world.run_for(secs(5));
        for side in &world.sides {
            assert_eq!(
                (
                    side.count("selected"),
                    side.count("handshake_data"),
                    side.count("failed")
                ),
                (2, 1, 0)
            );
        }
    });
}
