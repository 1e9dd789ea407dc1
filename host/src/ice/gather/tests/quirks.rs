//! Servers that do what few do, or should not.

use stun_proto::types::attribute::{AlternateServer, ErrorCode, Nonce, Realm};
use stun_proto::types::message::{IntegrityAlgorithm, LongTermKeyCredentials, Method};
use stun_proto::types::prelude::AttributeWrite;
use turn_types::attribute::{Lifetime, XorRelayedAddress};
use turn_types::message::{ALLOCATE, REFRESH};

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const ONE: &[&str] = &["turn:alice:secret@relay.example"];
const REALM: &str = "realm";

/// A world with one relay that answers as `quirk` says, where it says anything. It has begun.
fn odd(quirk: impl FnMut(SocketAddr, &Message<'_>) -> Option<Vec<u8>> + 'static) -> World {
    let mut world = World::new(&turn(ONE));
    world.quirk = Some(Box::new(quirk));
    world.begin();
    world
}

fn is_signed(request: &Message<'_>) -> bool {
    request.attribute::<Realm>().is_ok()
}

/// An error response, not signed, as many servers send them.
fn refuse(request: &Message<'_>, code: u16, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
    let mut response = Message::builder_error(request, MessageWriteVec::new());
    let code = ErrorCode::builder(code).build().unwrap();
    response.add_attribute(&code).unwrap();
    for attribute in attributes {
        response.add_attribute(*attribute).unwrap();
    }
    response.finish()
}

/// A success response to a signed request.
fn grant(request: &Message<'_>, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
    let mut response = Message::builder_success(request, MessageWriteVec::new());
    for attribute in attributes {
        response.add_attribute(*attribute).unwrap();
    }
    let [user, password, realm] = ["alice", "secret", REALM].map(str::to_owned);
    let credentials = LongTermKeyCredentials::new(user, password, realm).into();
    let signed = response.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1);
    signed.unwrap();
    response.finish()
}

/// The answer to an Allocate request: credentials are asked for, and then this address is given for so long.
fn allocate(request: &Message<'_>, address: &str, seconds: u32) -> Option<Vec<u8>> {
    if !request.has_method(ALLOCATE) {
        return None;
    }
    if !is_signed(request) {
        let (realm, nonce) = (Realm::new(REALM).unwrap(), Nonce::new("nonce").unwrap());
        return Some(refuse(request, ErrorCode::UNAUTHORIZED, &[&realm, &nonce]));
    }
    let relayed = XorRelayedAddress::new(addr(address), request.transaction_id());
    Some(grant(request, &[&relayed, &Lifetime::new(seconds)]))
}

fn closed() -> RelayEnd {
    RelayEnd::Broken("the server has closed the connection".to_owned())
}

const RELAYED: &str = "203.0.113.9:40001";

/// Requests of this method that came to the relay.
fn came(world: &World, method: Method) -> Vec<Instant> {
    let of = |(at, request): &(Instant, Vec<u8>)| {
        let request = Message::from_bytes(request).ok()?;
        request.has_method(method).then_some(*at)
    };
    world.came.iter().filter_map(of).collect()
}

#[test]
fn a_lifetime_is_what_the_server_says() {
    for seconds in [1, 30, 60, 119, 600] {
        let mut world = odd(move |_, request| {
            let refreshed = || grant(request, &[&Lifetime::new(seconds)]);
            let is_refresh = request.has_method(REFRESH);
            allocate(request, RELAYED, seconds).or_else(|| is_refresh.then(refreshed))
        });
        assert!(world.run(secs(5), |world| !world.relayed().is_empty()));
        world.run(secs(3600), |_| false);
        assert_eq!(world.opened.len(), 1, "{seconds}");
        // Each is asked for in time, and none of them often.
        let asked = came(&world, REFRESH);
        let least = Duration::from_millis(u64::from(seconds) * 500);
        for pair in asked.windows(2) {
            let interval = pair[1] - pair[0];
            assert!(
                interval >= least && interval < least * 2,
                "{seconds}: {interval:?}"
            );
        }
        assert!(asked.len() >= 6, "{seconds}: {}", asked.len());
    }
}

/// Allocate responses grant much, Refresh responses little, as coturn does that has a `max-allocate-lifetime`.
#[test]
fn a_refresh_may_grant_less_than_the_allocation_had() {
    let mut world = odd(|_, request| {
        let refreshed = || grant(request, &[&Lifetime::new(60)]);
        let is_refresh = request.has_method(REFRESH);
        allocate(request, RELAYED, 600).or_else(|| is_refresh.then(refreshed))
    });
    world.run(secs(3600), |_| false);
    assert_eq!(world.opened.len(), 1);
    assert!(came(&world, REFRESH).len() > 100);
}

#[test]
fn an_allocation_that_is_not_refreshed_ends_when_the_server_says() {
    let mut world = odd(|_, request| {
        let refused = || refuse(request, ErrorCode::SERVER_ERROR, &[]);
        let is_refresh = request.has_method(REFRESH);
        allocate(request, RELAYED, 60).or_else(|| is_refresh.then(refused))
    });
    let gone = Found::Gone {
        relayed: addr(RELAYED),
    };
    let is_gone = |world: &World| world.found.iter().any(|(_, found)| *found == gone);
    assert!(!world.run(secs(59), is_gone));
    assert!(world.run(secs(61), is_gone));
    assert_eq!(
        world.troubles(),
        ["turn:relay.example:3478 over UDP: it refuses with error 500"]
    );
}

/// How often the server was asked within an hour, and what was told.
fn asked_for_an_hour(mut world: World) -> (usize, Vec<String>, usize) {
    world.run(secs(3600), |_| false);
    let told = world.troubles().iter().map(|it| (*it).to_owned()).collect();
    (world.opened.len(), told, world.relayed().len())
}

#[test]
fn a_server_that_grants_no_time_is_left_alone() {
    let (opened, told, relayed) =
        asked_for_an_hour(odd(|_, request| allocate(request, RELAYED, 0)));
    assert!(opened < 130, "{opened}");
    assert_eq!(
        told,
        ["turn:relay.example:3478 over UDP: its allocation lives for 0 s"]
    );
    assert_eq!(relayed, 0);
}

#[test]
fn a_server_that_ends_what_it_has_just_granted_is_left_alone() {
    let mut port = 40_000;
    let mut world = odd(move |_, request| {
        port += u16::from(is_signed(request));
        allocate(request, &format!("203.0.113.9:{port}"), 600)
    });
    let end = world.start + secs(3600);
    while world.now < end {
        let live = world.now.duration_since(world.start) + secs(2);
        world.run(live, |_| false);
        let now = world.now;
        world.gatherer.relay_closed(now, 0, &closed());
    }
    assert!(world.opened.len() < 130, "{}", world.opened.len());
    let relayed = world.relayed().len();
    assert!(relayed <= 4, "{relayed} candidates for the peer");
    // It has a change of heart.
    assert!(world.run(secs(3700), |world| world.relayed().len() > relayed));
}

#[test]
fn an_allocation_that_has_lasted_is_replaced_at_once() {
    let mut port = 40_000;
    let mut world = odd(move |_, request| {
        port += u16::from(is_signed(request));
        let is_refresh = request.has_method(REFRESH);
        let refreshed = || grant(request, &[&Lifetime::new(600)]);
        allocate(request, &format!("203.0.113.9:{port}"), 600)
            .or_else(|| is_refresh.then(refreshed))
    });
    for hour in 1..=5 {
        world.run(secs(hour * 3600), |_| false);
        let now = world.now;
        world.gatherer.relay_closed(now, 0, &closed());
        let count = world.relayed().len();
        let soon = secs(hour * 3600 + 2);
        assert!(
            world.run(soon, |world| world.relayed().len() > count),
            "{hour}"
        );
    }
}

/// Both servers name the other one.
fn naming(alternate: &'static str) -> impl FnMut(SocketAddr, &Message<'_>) -> Option<Vec<u8>> {
    move |server, request| {
        let alternate = AlternateServer::new(addr(alternate));
        let is_asked = server == addr("203.0.113.9:3478") && request.has_method(ALLOCATE);
        is_asked.then(|| refuse(request, ErrorCode::TRY_ALTERNATE, &[&alternate]))
    }
}

#[test]
fn an_alternate_server_is_asked() {
    let mut world = World::new(&turn(ONE));
    world.relays.push((relay(3479), None));
    world.quirk = Some(Box::new(naming("203.0.113.9:3479")));
    world.begin();
    assert!(world.run(secs(1), |world| !world.relayed().is_empty()));
    let opened: Vec<u16> = world.opened.iter().map(|(_, to)| to.port()).collect();
    assert_eq!(opened, [3478, 3479]);
    assert_eq!(world.troubles(), Vec::<&str>::new());
}

#[test]
fn an_alternate_server_is_asked_once() {
    let (opened, told, _) = asked_for_an_hour(odd(|_, request| {
        let alternate = AlternateServer::new(addr("203.0.113.9:3478"));
        Some(refuse(request, ErrorCode::TRY_ALTERNATE, &[&alternate]))
    }));
    assert!(opened < 260, "{opened}");
    assert_eq!(
        told,
        ["turn:relay.example:3478 over UDP: the server it sends us to sends us on"]
    );
}

#[test]
fn an_alternate_server_of_another_kind_is_not_asked() {
    for to in [
        "127.0.0.1:3478",
        "[2001:db8::1]:3478",
        "10.0.0.1:3478",
        "0.0.0.0:3478",
        "203.0.113.7:0",
    ] {
        let mut world = odd(naming(to));
        world.run(secs(60), |_| false);
        let is_of_server =
            |(_, opened): &(Instant, SocketAddr)| *opened == addr("203.0.113.9:3478");
        assert!(world.opened.iter().all(is_of_server), "{to}");
        let told = world.troubles();
        assert!(told[0].contains(to) && told.len() == 1, "{told:?}");
    }
}

/// Why a relay that answers so cannot be used.
fn why(quirk: impl FnMut(SocketAddr, &Message<'_>) -> Option<Vec<u8>> + 'static) -> String {
    let mut world = odd(quirk);
    world.run(secs(60), |_| false);
    assert!(world.opened.len() < 10 && world.came.len() < 100);
    let told = world.troubles();
    let [told] = told[..] else {
        panic!("{told:?}");
    };
    let (_, cause) = told.split_once("over UDP: ").unwrap();
    cause.to_owned()
}

#[test]
fn each_oddity_has_a_sentence_of_its_own() {
    let stale = |realm: &'static str| {
        let mut count = 0;
        move |_: SocketAddr, request: &Message<'_>| {
            if !is_signed(request) {
                return allocate(request, RELAYED, 600);
            }
            count += 1;
            let nonce = Nonce::new(&format!("nonce{count}")).unwrap();
            let realm = Realm::new(realm).unwrap();
            Some(refuse(request, ErrorCode::STALE_NONCE, &[&realm, &nonce]))
        }
    };
    assert_eq!(
        why(stale(REALM)),
        "it calls each nonce stale that it has just given"
    );
    assert_eq!(
        why(stale("elsewhere")),
        "with a new nonce it names another realm than before"
    );
    assert_eq!(
        why(|_, request| match is_signed(request) {
            true => Some(refuse(request, ErrorCode::STALE_NONCE, &[])),
            false => allocate(request, RELAYED, 600),
        }),
        "with a new nonce it names another realm than before"
    );
    assert_eq!(
        why(|_, request| allocate(request, "0.0.0.0:40001", 600)),
        "nobody can send to the relayed address 0.0.0.0:40001 it gives"
    );
    assert_eq!(
        why(|_, request| Some(refuse(request, ErrorCode::UNAUTHORIZED, &[]))),
        "it asks for credentials, but not of which realm, or gives no nonce"
    );
    assert_eq!(
        why(|_, request| Some(refuse(request, 486, &[]))),
        "it refuses with error 486"
    );
}

#[test]
fn a_user_goes_to_the_server_in_nfc() {
    use stun_proto::types::attribute::Username;
    let mut world = World::new(&turn(&["turn:Ju%CC%88rgen:secret@relay.example"]));
    world.quirk = Some(Box::new(|_, request| allocate(request, RELAYED, 600)));
    world.begin();
    world.run(secs(1), |_| false);
    let users: Vec<String> = world
        .came
        .iter()
        .filter_map(|(_, request)| Message::from_bytes(request).ok())
        .filter_map(|request| Some(request.attribute::<Username>().ok()?.username().to_owned()))
        .collect();
    assert!(
        !users.is_empty() && users.iter().all(|user| user == "J\u{fc}rgen"),
        "{users:?}"
    );
}

#[test]
fn what_is_too_long_for_a_relay_is_not_said_to_have_left() {
    let mut world = World::new(&turn(ONE));
    world.begin();
    assert!(world.run(secs(5), |world| !world.relayed().is_empty()));
    let local = world.relayed()[0];
    let send = |world: &mut World, length| {
        let data = vec![9; length];
        let now = world.now;
        world.gatherer.send(now, local, addr(PEER), &data)
    };
    assert!(send(&mut world, 100));
    world.run(secs(6), |_| false);
    for (length, fits) in [
        (65_468, true),
        (65_472, false),
        (65_503, false),
        (65_507, false),
    ] {
        assert_eq!(send(&mut world, length), fits, "{length} in an indication");
    }
    let pair = crate::ice::Pair::udp(local, addr(PEER));
    world.gatherer.set_selected(world.now, Some(pair));
    world.run(secs(7), |_| false);
    for (length, fits) in [
        (65_503, true),
        (65_504, false),
        (65_507, false),
        (70_000, false),
    ] {
        assert_eq!(send(&mut world, length), fits, "{length} over a channel");
    }
}
