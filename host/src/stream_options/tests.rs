//! Each value that is out of its bounds is refused, with a sentence that says which.
use super::StreamOptions;
use crate::ice::{Announced, Servers, StunServer, Tcp, TurnServer};
use crate::net::{BindOptions, Family, Loss};
use proptest::prelude::*;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What [`Host::open`](crate::Host::open) says to options with this changed.
fn refused(change: impl FnOnce(StreamOptions) -> StreamOptions) -> Option<String> {
    change(StreamOptions::default())
        .check()
        .err()
        .map(|error| error.to_string())
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn what_is_within_its_bounds_is_taken() {
    assert_eq!(refused(|options| options), None);
    for address in ["127.0.0.1", "::1", "192.0.2.7", "fe80::1"] {
        let bind = |options: StreamOptions| options.bind(BindOptions::new().address(ip(address)));
        assert_eq!(refused(bind), None, "{address}");
    }
    for ports in [1..=1, 1..=65_535, 50_000..=50_999] {
        let bind = |options: StreamOptions| options.bind(BindOptions::new().port_range(ports));
        assert_eq!(refused(bind), None);
    }
    for percent in [0.0, 12.5, 100.0] {
        let lose = |options: StreamOptions| options.loss(Loss::new(percent, 1));
        assert_eq!(refused(lose), None, "{percent}");
    }
}

#[test]
fn numbers_have_bounds() {
    for n in [0, 257, u16::MAX] {
        let sentence = format!("a stream has 1 to 256 components, not {n}");
        assert_eq!(refused(|options| options.components(n)), Some(sentence));
    }
    for mtu in [0, 64, 255, 65_508, u16::MAX] {
        let sentence = format!("the MTU is 256 to 65507 bytes, not {mtu}");
        assert_eq!(refused(|options| options.mtu(mtu)), Some(sentence));
    }
    for timeout in [Duration::ZERO, Duration::from_secs(86_401), Duration::MAX] {
        let sentence = |name| {
            Some(format!(
                "the {name} timeout is 1ms to 86400s, not {timeout:?}"
            ))
        };
        let init = refused(|options| options.init_timeout(timeout));
        assert_eq!(init, sentence("init"));
        let handshake = refused(|options| options.handshake_timeout(timeout));
        assert_eq!(handshake, sentence("handshake"));
        let ice = refused(|options| options.ice_timeout(timeout));
        assert_eq!(ice, sentence("ICE"));
        let gathering = refused(|options| options.gathering_timeout(timeout));
        assert_eq!(gathering, sentence("gathering"));
    }
    for percent in [-0.1, 100.1, f64::INFINITY, f64::NAN] {
        let sentence = format!("the loss is 0 to 100 percent, not {percent}");
        let lose = |options: StreamOptions| options.loss(Loss::new(percent, 1));
        assert_eq!(refused(lose), Some(sentence));
    }
}

#[test]
fn sockets_are_bound_to_what_a_machine_can_have() {
    for address in [
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "::ffff:1.2.3.4",
    ] {
        let sentence = format!(
            "no socket can be bound to {address}: name an address of this machine's, or none for all that it has"
        );
        let bind = |options: StreamOptions| options.bind(BindOptions::new().address(ip(address)));
        assert_eq!(refused(bind), Some(sentence));
    }
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = 50_000..=40_000;
    for ports in [reversed, 0..=0, 0..=10] {
        let (first, last) = (*ports.start(), *ports.end());
        let sentence = format!(
            "{first}-{last} are no ports: give the first and the last one, such as 50000-50999, from 1 to 65535"
        );
        let bind = |options: StreamOptions| options.bind(BindOptions::new().port_range(ports));
        assert_eq!(refused(bind), Some(sentence));
    }
    for length in [0, 256, 1 << 20] {
        let sentence = format!("the name of an interface has 1 to 255 bytes, not {length}");
        let names = ["lo".to_owned(), "i".repeat(length)];
        let bind = |bind_options| refused(|options| options.bind(bind_options));
        let options = BindOptions::new;
        assert_eq!(
            bind(options().interfaces(names.clone())),
            Some(sentence.clone())
        );
        assert_eq!(bind(options().deny_interfaces(names)), Some(sentence));
    }
    for bytes in [0, 4095, (1 << 30) + 1, usize::MAX] {
        let sentence =
            format!("the buffers of a socket have 4096 to 1073741824 bytes, not {bytes}");
        let bind = |bind_options| refused(|options| options.bind(bind_options));
        let options = BindOptions::new;
        assert_eq!(
            bind(options().receive_buffer(bytes)),
            Some(sentence.clone())
        );
        assert_eq!(bind(options().send_buffer(bytes)), Some(sentence));
    }
    let no_transport =
        refused(|options| options.bind(BindOptions::new().udp(false))).expect("it has none");
    assert!(
        no_transport.starts_with("without UDP nothing is left"),
        "{no_transport}"
    );
    let other_family = refused(|options| {
        options.bind(
            BindOptions::new()
                .address(ip("127.0.0.1"))
                .family(Family::V6),
        )
    });
    let other_family = other_family.expect("there is none");
    assert!(
        other_family.starts_with("this machine has no address of IPv6"),
        "{other_family}"
    );
}

#[test]
fn the_peer_is_told_addresses_that_it_can_send_to() {
    let announce = |local: Option<&str>, public: &str| {
        let (local, public) = (local.map(ip), ip(public));
        refused(|options| options.announced([Announced { local, public }]))
    };
    assert_eq!(announce(None, "203.0.113.7"), None);
    assert_eq!(announce(Some("10.0.0.1"), "203.0.113.7"), None);
    for (local, public, wrong) in [
        (None, "0.0.0.0", "0.0.0.0"),
        (None, "224.0.0.1", "224.0.0.1"),
        (Some("10.0.0.1"), "::", "::"),
        (Some("0.0.0.0"), "203.0.113.7", "0.0.0.0"),
    ] {
        let sentence = format!(
            "{wrong} cannot be announced, nor stand for another: give the unicast address of a machine"
        );
        assert_eq!(announce(local, public), Some(sentence));
    }
    let sentence =
        "2001:db8::1 cannot be announced for 10.0.0.1: give two addresses of one family".to_owned();
    assert_eq!(announce(Some("10.0.0.1"), "2001:db8::1"), Some(sentence));
}

#[test]
fn servers_are_somewhere() {
    let server = |host: &str, port| {
        let stun = vec![StunServer {
            host: host.to_owned(),
            port,
        }];
        let of_stun = refused(|options| {
            options.servers(Servers {
                stun,
                ..Servers::default()
            })
        });
        let mut relay: TurnServer = "turn:alice:secret@relay.example".parse().expect("a server");
        (relay.host, relay.port) = (host.to_owned(), port);
        let turn = vec![relay];
        let of_turn = refused(|options| {
            options.servers(Servers {
                turn,
                ..Servers::default()
            })
        });
        assert_eq!(of_stun, of_turn);
        of_stun
    };
    for host in ["stun.example", "192.0.2.1", "2001:db8::1", "localhost"] {
        assert_eq!(server(host, 3478), None, "{host}");
    }
    for host in [
        "",
        "0.0.0.0",
        "224.0.0.1",
        "::",
        "two words",
        "nul\0",
        "[::1]",
    ] {
        let sentence = format!(
            "{host:?} is no host of a STUN or TURN server: give a name, or the address of a machine without brackets"
        );
        assert_eq!(server(host, 3478), Some(sentence));
    }
    let long = server(&"h".repeat(1 << 20), 3478).expect("no name is as long");
    assert!(long.len() < 300, "{} bytes", long.len());
    let sentence = "port 0 of stun.example is no server's: give 1 to 65535, such as 3478";
    assert_eq!(server("stun.example", 0).as_deref(), Some(sentence));
}

/// Nine of ten are within their bounds: all of some options are.
fn mostly<T: fmt::Debug>(
    good: impl Strategy<Value = T> + 'static,
    any: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![9 => good, 1 => any]
}

fn timeout() -> impl Strategy<Value = Duration> {
    let good = (1_u64..=86_400_000).prop_map(Duration::from_millis);
    mostly(good, any::<Duration>())
}

fn address() -> impl Strategy<Value = IpAddr> {
    let good = any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c]));
    let any_v4 = any::<Ipv4Addr>().prop_map(IpAddr::V4);
    let any_v6 = any::<Ipv6Addr>().prop_map(IpAddr::V6);
    mostly(good, prop_oneof![any_v4, any_v6])
}

fn ports() -> impl Strategy<Value = Option<RangeInclusive<u16>>> {
    let good = (1_u16..=1000, 1000_u16..=2000).prop_map(|(first, last)| first..=last);
    let any = any::<(u16, u16)>().prop_map(|(first, last)| RangeInclusive::new(first, last));
    prop::option::of(mostly(good, any))
}

prop_compose! {
    fn anything()(
        (count, mtu) in (mostly(1_u16..=256, any::<u16>()), mostly(256_u16..=65_507, any::<u16>())),
        (controlling, ice_lite) in (any::<bool>(), mostly(Just(false), any::<bool>())),
        [init, handshake, ice, gathering] in [timeout(), timeout(), timeout(), timeout()],
        bound in prop::collection::vec(address(), 0..3),
        announced in prop::collection::vec((prop::option::of(address()), address()), 0..2),
        ports in ports(),
        interfaces in prop::collection::vec(mostly("[a-z]{1,15}", any::<String>()), 0..3),
        stun in prop::collection::vec(
            (mostly("[a-z]{1,15}", any::<String>()), mostly(Just(3478_u16), any::<u16>())), 0..2),
        (percent, seed) in (mostly(0.0..=100.0, any::<f64>()), any::<u64>()),
        udp in mostly(Just(true), any::<bool>()),
        tcp in prop::sample::select(vec![Tcp::Off, Tcp::Active, Tcp::Passive, Tcp::Both]),
    ) -> StreamOptions {
        let bind_options = BindOptions::new()
            .addresses(bound)
            .interfaces(interfaces)
            .port_range(ports)
            .udp(udp)
            .tcp(tcp);
        let announced = announced.into_iter();
        let stun = stun.into_iter().map(|(host, port)| StunServer { host, port });
        StreamOptions::default()
            .components(count)
            .mtu(mtu)
            .controlling(controlling)
            .ice_lite(ice_lite)
            .loss(Loss::new(percent, seed))
            .init_timeout(init)
            .handshake_timeout(handshake)
            .ice_timeout(ice)
            .gathering_timeout(gathering)
            .bind(bind_options)
            .announced(announced.map(|(local, public)| Announced { local, public }))
            .servers(Servers { stun: stun.collect(), ..Servers::default() })
    }
}

/// Whether a loop can do with these.
fn are_sound(options: &StreamOptions) -> bool {
    let (settings, bound) = (&options.settings, &options.bind_options);
    let timeouts = [
        settings.init_timeout,
        settings.handshake_timeout,
        settings.ice_timeout,
        settings.gathering_timeout,
    ];
    let day = Duration::from_secs(86_400);
    let announced = settings.announced.iter();
    let announced = announced.flat_map(|one| one.local.into_iter().chain([one.public]));
    let is_of_all = |address: IpAddr| address.is_unspecified() || address.is_multicast();
    (1..=256).contains(&settings.n_components)
        && settings.mtu >= 256
        && timeouts
            .iter()
            .all(|timeout| !timeout.is_zero() && *timeout <= day)
        && bound
            .port_range
            .as_ref()
            .is_none_or(|ports| !ports.is_empty() && !ports.contains(&0))
        && bound
            .addresses
            .iter()
            .copied()
            .chain(announced)
            .all(|address| !is_of_all(address))
        && bound.interfaces.iter().all(|name| !name.is_empty())
        && settings
            .servers
            .stun
            .iter()
            .all(|server| server.port > 0 && !server.host.is_empty())
        && !(settings.ice_lite && (settings.controlling || bound.tcp.connects()))
        && (!bound.no_udp || bound.tcp != Tcp::Off)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is taken is sound; the reason why the rest is not is one sentence.
    #[test]
    fn whatever_is_given_is_sound_or_refused(options in anything()) {
        match options.check() {
            Ok(()) => prop_assert!(are_sound(&options), "{options:?}"),
            Err(error) => {
                let sentence = error.to_string();
                prop_assert!((10..2000).contains(&sentence.len()), "{sentence}");
            }
        }
    }
}
