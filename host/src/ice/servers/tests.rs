use proptest::prelude::*;

use super::{RelayTransport, ServerUriError, Servers, ServersError, StunServer, TurnServer};

fn stun(text: &str) -> Result<(String, u16), ServerUriError> {
    text.parse()
        .map(|server: StunServer| (server.host, server.port))
}

fn turn(text: &str) -> TurnServer {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_port_and_the_transport_have_defaults() {
    assert_eq!(
        stun("stun:relay.example"),
        Ok(("relay.example".into(), 3478))
    );
    assert_eq!(stun("STUN:h"), Ok(("h".into(), 3478)));
    assert_eq!(stun("stun:192.0.2.1:1"), Ok(("192.0.2.1".into(), 1)));
    assert_eq!(stun("stun:[2001:db8::1]"), Ok(("2001:db8::1".into(), 3478)));
    for (text, transport, port) in [
        ("turn:a@h", RelayTransport::Udp, 3478),
        ("turn:a@h?transport=udp", RelayTransport::Udp, 3478),
        ("turn:a@h?transport=tcp", RelayTransport::Tcp, 3478),
        ("turns:a@h", RelayTransport::Tls, 5349),
        ("turns:a@h?transport=tcp", RelayTransport::Tls, 5349),
        ("turns:a@[::1]:443", RelayTransport::Tls, 443),
        ("TURN:a@h", RelayTransport::Udp, 3478),
        ("Turns:a@h?TRANSPORT=TCP", RelayTransport::Tls, 5349),
    ] {
        let server = turn(text);
        assert_eq!((server.transport, server.port), (transport, port), "{text}");
    }
}

#[test]
fn user_and_password_stand_before_the_host_and_are_never_shown() {
    let server = turn("turn:17%3Aalice:p%40ss:w@rd@relay.example:99");
    assert_eq!(server.username, "17:alice");
    assert_eq!(*server.password, "p@ss:w@rd");
    assert_eq!(server.host, "relay.example");
    let shown = format!("{server} {server:?}");
    assert!(shown.contains("turn:relay.example:99"), "{shown}");
    assert!(
        !shown.contains("alice") && !shown.contains("p@ss"),
        "{shown}"
    );
    assert_eq!(turn("turn:alice@h").password.as_str(), "");
    assert_eq!(turn("turn:h").username, "");
}

#[test]
fn what_is_wrong_is_told() {
    use ServerUriError::*;
    for (text, error) in [
        ("relay.example", NoScheme),
        ("stun://relay.example", Slashes),
        ("http:relay.example", Scheme { expected: "stun:" }),
        ("turn:h", Scheme { expected: "stun:" }),
        ("stuns:h", StunOverTls),
        ("stun:a@h", StunUser),
        ("stun:h?transport=udp", StunTransport),
        ("stun:", Host),
        ("stun:a b", Host),
        ("stun:::1", Host),
        ("stun:[::1", Host),
        ("stun:[relay]", Host),
        ("stun:h:0", Port),
        ("stun:h:65536", Port),
        ("stun:h:+1", Port),
        ("stun:h:", Port),
        ("stun:[::1]x", Port),
        ("stun:h?ttl=1", Query),
    ] {
        assert_eq!(stun(text), Err(error), "{text}");
    }
    for (text, error) in [
        (
            "stun:h",
            Scheme {
                expected: "turn: or turns:",
            },
        ),
        ("turn:h?transport=sctp", Transport),
        ("turns:h?transport=udp", Dtls),
        ("turn::secret@h", User),
        ("turn:%4@h", User),
        ("turn:%ff@h", User),
        ("turn:a@", Host),
    ] {
        assert_eq!(text.parse::<TurnServer>(), Err(error), "{text}");
    }
}

#[test]
fn a_relay_needs_a_user_and_a_password() {
    let check = |uris: &[&str], relay_only| {
        let turn = uris.iter().map(|uri| turn(uri)).collect();
        let servers = Servers {
            turn,
            relay_only,
            ..Servers::default()
        };
        servers.check()
    };
    assert_eq!(check(&["turn:a:b@h"], true), Ok(()));
    assert_eq!(check(&[], false), Ok(()));
    assert_eq!(check(&[], true), Err(ServersError::NoRelay));
    let user = |length| format!("turn:{}:b@h", "a".repeat(length));
    assert_eq!(check(&[&user(508)], false), Ok(()));
    let long = user(509);
    for uri in ["turn:h", "turn:a@h", &long] {
        let refused = check(&["turn:a:b@h", uri], false);
        assert!(
            matches!(refused, Err(ServersError::Credentials { .. })),
            "{uri}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in ".*") {
        let _ = text.parse::<StunServer>();
        let _ = text.parse::<TurnServer>();
    }

    #[test]
    fn what_is_taken_is_taken_again_as_it_is_shown(
        text in "(stun|turns?):(\\w{1,3}(:[%\\w]{1,4})?@)?([a-z.]{1,9}|\\[::[0-9a-f]{1,4}\\])(:[0-9]{1,5})?(\\?transport=(udp|tcp))?"
    ) {
        if let Ok(server) = text.parse::<StunServer>() {
            prop_assert_eq!(server.to_string().parse::<StunServer>().unwrap(), server);
        }
        if let Ok(server) = text.parse::<TurnServer>() {
            let again: TurnServer = server.to_string().parse().unwrap();
            prop_assert_eq!(
                (again.host, again.port, again.transport),
                (server.host, server.port, server.transport)
            );
        }
    }

    #[test]
    fn users_and_passwords_of_any_characters_can_be_written(user in ".{1,9}", password in ".{0,9}") {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        let server = turn(&format!("turn:{}:{}@h", encode(&user), encode(&password)));
        prop_assert_eq!(server.username, user);
        prop_assert_eq!(server.password.as_str(), password.as_str());
    }
}
