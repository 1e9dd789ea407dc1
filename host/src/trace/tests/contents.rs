//! What is kept of datagrams.
use crate::trace::contents::Passing;
use crate::trace::{Datagram, Direction, Kind, StunClass};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::SocketAddr;

const SECRET: &[u8] = b"for the peer's eyes only";

fn describe(bytes: &[u8], of_application: bool) -> Datagram {
    let passing = Passing {
        component_id: 1,
        direction: Direction::In,
        local: SocketAddr::from(([192, 0, 2, 1], 1)),
        remote: SocketAddr::from(([192, 0, 2, 2], 2)),
        transport: None,
        fate: None,
        reason: None,
        waits: None,
        of_application,
        bytes,
    };
    passing.describe()
}

/// A STUN message of that type with those attributes.
fn stun(of_type: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = of_type.to_be_bytes().to_vec();
    message.extend([0, 0, 0x21, 0x12, 0xa4, 0x42]);
    message.extend([0xab; 12]);
    for (attribute, value) in attributes {
        message.extend(attribute.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(*value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let length = (message.len() - 20) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![
        kind,
        0xfe,
        0xfd,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        body.len() as u8,
    ];
    record.extend(body);
    record
}

fn has_secret(datagram: &Datagram) -> bool {
    let contents = datagram.contents.as_deref().unwrap_or_default();
    contents.windows(SECRET.len()).any(|part| part == SECRET)
}

#[test]
fn a_check_is_told_and_kept() {
    let check = stun(0x0001, &[(0x0006, b"their:ours"), (0x0025, b"")]);
    let told = describe(&check, false);
    assert_eq!(
        (told.kind, usize::from(told.bytes)),
        (Kind::Stun, check.len())
    );
    let facts = told.stun.expect("it is STUN");
    assert_eq!(
        (facts.class, facts.method.as_str()),
        (StunClass::Request, "binding")
    );
    assert_eq!(facts.transaction, "ab".repeat(12));
    assert!(facts.use_candidate);
    assert_eq!(told.contents, Some(check));
}

#[test]
fn classes_methods_and_errors_have_their_names() {
    for (of_type, class, method) in [
        (0x0101, StunClass::Success, "binding"),
        (0x0011, StunClass::Indication, "binding"),
        (0x0003, StunClass::Request, "allocate"),
        (0x0113, StunClass::Error, "allocate"),
        (0x0016, StunClass::Indication, "send"),
        (0x0009, StunClass::Request, "channel_bind"),
        (0x0002, StunClass::Request, "0x002"),
    ] {
        let facts = describe(&stun(of_type, &[]), false)
            .stun
            .expect("it is STUN");
        assert_eq!((facts.class, facts.method.as_str()), (class, method));
    }
    let conflict = stun(0x0111, &[(0x0009, b"\0\0\x04\x57Role Conflict")]);
    let facts = describe(&conflict, false).stun.expect("it is STUN");
    assert_eq!(facts.error_code, Some(487));
}

#[test]
fn what_turn_relays_and_passwords_are_blanked_out() {
    for attribute in [0x0013, 0x0007] {
        let message = stun(
            0x0016,
            &[(0x0012, &[0; 8]), (attribute, SECRET), (0x8022, b"after")],
        );
        let told = describe(&message, false);
        assert!(!has_secret(&told), "{attribute:#x}");
        let contents = told.contents.expect("STUN is kept");
        assert_eq!(contents.len(), message.len());
        assert_eq!(
            contents[contents.len() - 8..],
            *b"after\0\0\0",
            "what follows is left"
        );
    }
}

#[test]
fn records_of_dtls_are_kept_and_nothing_that_only_begins_like_them() {
    let flight = [record(22, &[1; 30]), record(20, &[1])].concat();
    assert_eq!(describe(&flight, false).contents, Some(flight.clone()));
    let encrypted = [0x2e, 0, 1, 0, 3, 7, 8, 9];
    assert_eq!(
        describe(&encrypted, false).contents,
        Some(encrypted.to_vec())
    );
    let longer = [&flight[..], b"x"].concat();
    for other in [
        &longer[..],
        &flight[..flight.len() - 1],
        b"4 for the peer's eyes only",
        b" x",
        b"\x16",
    ] {
        let told = describe(other, false);
        assert_eq!((told.kind, told.contents), (Kind::Dtls, None), "{other:?}");
    }
}

proptest! {
    /// Whatever an application sends, nothing of it is kept.
    #[test]
    fn the_applications_datagrams_are_lengths(bytes in vec(any::<u8>(), 0..80), first in any::<u8>()) {
        let like_dtls = record(22, &bytes);
        let like_stun = stun(0x0001, &[(0x0006, &bytes)]);
        let bytes = [&[first][..], &bytes].concat();
        for bytes in [&bytes, &like_dtls, &like_stun] {
            let told = describe(bytes, true);
            prop_assert_eq!((told.stun, told.contents), (None, None));
            prop_assert_eq!(usize::from(told.bytes), bytes.len());
        }
    }

    #[test]
    fn only_stun_and_records_are_kept(bytes in vec(any::<u8>(), 0..80), first in any::<u8>()) {
        let bytes = [&[first][..], &bytes].concat();
        let told = describe(&bytes, false);
        prop_assert!(told.contents.is_none() || matches!(told.kind, Kind::Stun | Kind::Dtls));
    }
}
