//! A datagram's records, as far as they can be told apart without keys (RFC 6347, RFC 9147).
use crate::key_log::ClientRandom;
use crate::plaintext::{self, Progress, Stage, Worth};
use dimpl::{Config, ProtocolVersion};
use std::iter;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// The type of the handshake message with which a client begins.
const CLIENT_HELLO: u8 = 1;

/// Bytes of the header of a `DTLSPlaintext`, and of any record in DTLS 1.2.
const HEADER: usize = 13;

/// Bytes of what protects a record under each cipher that dimpl knows: none is shorter.
const TAG: usize = 16;

/// Most records looked at in one datagram: as many as dimpl takes.
const MOST: usize = 16;

/// A datagram's whole records, headers included; a torn end is left out.
pub(crate) fn records(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    iter::from_fn(move || {
        let (record, rest) = datagram.split_at_checked(len(datagram)?)?;
        datagram = rest;
        Some(record)
    })
    .take(MOST)
}

/// What a record is worth, as far as that can be told without keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is for dimpl to judge: protected.
    Judge,
    /// It is for dimpl to judge: in plaintext, and part of a handshake that will prove itself.
    Handshake(Progress),
    /// It is for dimpl to judge: the end of plaintext.
    ChangeCipherSpec,
    /// An alert, by description, that anyone may have sent to end the session.
    PlaintextAlert(u8),
    /// Another, by content type, that no handshake needs in plaintext: an ACK, application data, or what calls
    /// itself handshake and is none. dimpl would keep the latter and stumble over it in the end.
    Plaintext(u8),
    /// A ServerHello that agrees to what was not offered, and what.
    Unacceptable(&'static str),
    /// It claims to be protected, and has no room for what protects it, or there are no such keys.
    Unprotected,
}

/// How far a record can be believed.
pub(crate) fn trust(record: &[u8], stage: Stage, config: &Config) -> Trust {
    if is_ciphertext(record[0]) {
        let body = record.get(2..).unwrap_or_default(); // flags, and a byte or two of sequence number
        let is_known = stage.version == Some(ProtocolVersion::DTLS1_3);
        return match is_known && body.len() >= TAG {
            true => Trust::Judge,
            false => Trust::Unprotected,
        };
    }
    let Some((header, body)) = record.split_at_checked(HEADER) else {
        return Trust::Plaintext(record[0]);
    };
    // DTLS 1.2 has one epoch with keys, as there is no renegotiation, and DTLS 1.3 other headers.
    let is_12 = stage.version == Some(ProtocolVersion::DTLS1_2);
    match (header[0], u16_at(header, 3)) {
        (_, Some(1)) if is_12 && body.len() >= TAG => Trust::Judge,
        (_, Some(1..)) => Trust::Unprotected,
        (CHANGE_CIPHER_SPEC, _) if is_12 && body == [1] => Trust::ChangeCipherSpec,
        (HANDSHAKE, _) => match plaintext::weigh(body, stage, config) {
            Worth::Plausible(progress) => Trust::Handshake(progress),
            Worth::Unacceptable(reason) => Trust::Unacceptable(reason),
            Worth::Senseless => Trust::Plaintext(HANDSHAKE),
        },
        (ALERT, _) => Trust::PlaintextAlert(body.get(1).copied().unwrap_or_default()),
        (content_type, _) => Trust::Plaintext(content_type),
    }
}

/// The record in plaintext with a number by its type. dimpl queues by numbers that anybody can choose: many
/// ChangeCipherSpecs would fill the queue, and messages have numbers of their own.
pub(crate) fn renumbered(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    let number = u64::from(record[0] == CHANGE_CIPHER_SPEC);
    record[5..11].copy_from_slice(&number.to_be_bytes()[2..]);
    record
}

/// What is in a handshake record in plaintext.
pub(crate) fn handshake(record: &[u8]) -> Option<&[u8]> {
    let (header, body) = record.split_at_checked(HEADER)?;
    (header[0] == HANDSHAKE && header[3..5] == [0, 0]).then_some(body)
}

/// A fatal alert in plaintext. Its sequence number is one that no record of a handshake has.
pub(crate) fn plaintext_alert(description: u8) -> [u8; HEADER + 2] {
    [
        ALERT,
        0xfe,
        0xfd,
        0,
        0,
        0,
        0,
        0xff,
        0xff,
        0xff,
        0xff,
        0,
        2,
        2,
        description,
    ]
}

/// The random value of the ClientHello at the head of a plaintext record, if that much of it is there.
pub(crate) fn client_random(record: &[u8]) -> Option<ClientRandom> {
    let (message, hello) = handshake(record)?.split_first_chunk::<12>()?;
    let is_beginning = message[0] == CLIENT_HELLO && message[6..9] == [0, 0, 0];
    let random = hello.get(2..)?.first_chunk()?; // after the version
    is_beginning.then_some(*random)
}

/// Bytes of the first record; it may promise more than there are.
fn len(datagram: &[u8]) -> Option<usize> {
    let first = *datagram.first()?;
    if is_ciphertext(first) {
        return ciphertext_len(first, datagram);
    }
    Some(HEADER + usize::from(u16_at(datagram, HEADER - 2)?))
}

/// Bytes of a `DTLSCiphertext` (RFC 9147, section 4). One without a length is the datagram's last, and so is
/// one with a connection id, whose length only those know who agreed on it: we never do.
fn ciphertext_len(first: u8, datagram: &[u8]) -> Option<usize> {
    let has = |flag| first & flag != 0;
    let (connection_id, long_sequence, length) = (has(0x10), has(0x08), has(0x04));
    if connection_id || !length {
        return Some(datagram.len());
    }
    let length_at = if long_sequence { 3 } else { 2 };
    Some(length_at + 2 + usize::from(u16_at(datagram, length_at)?))
}

fn is_ciphertext(first: u8) -> bool {
    first & 0b1110_0000 == 0b0010_0000
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use handclasp_plugin::Role;
    use proptest::prelude::*;

    /// A record with the long header.
    pub(crate) fn record(content_type: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let mut record = vec![content_type, 0xfe, 0xfd];
        record.extend(epoch.to_be_bytes());
        record.extend([0, 0, 0, 0, 0, 9]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    /// A handshake message's fragment.
    fn message(sequence: u8, length: u8, offset: u8, fragment: &[u8]) -> Vec<u8> {
        let header = [
            1,
            0,
            0,
            length,
            0,
            sequence,
            0,
            0,
            offset,
            0,
            0,
            fragment.len() as u8,
        ];
        [&header, fragment].concat()
    }

    #[test]
    fn a_datagram_is_cut_into_its_records() {
        let parts = [
            record(22, 0, b"hello"),
            record(20, 0, &[1]),
            record(22, 1, b"finished"),
            vec![0x2c, 0, 7, 0, 2, 0xaa, 0xbb],
            vec![0x24, 7, 0, 0],
            vec![0x28, 0, 7, 1, 2, 3],
        ];
        let datagram = parts.concat();
        assert!(records(&datagram).eq(&parts));
    }

    #[test]
    fn a_torn_record_and_what_follows_are_left_out() {
        let whole = record(22, 0, b"hello");
        let torn = &whole[..whole.len() - 1];
        let datagram = [&whole, torn].concat();
        assert!(records(&datagram).eq([&whole]));
        assert_eq!(records(torn).count(), 0);
        assert_eq!(records(&[22, 0xfe]).count(), 0);
        assert_eq!(records(&[]).count(), 0);
    }

    /// How a responder judges a record.
    fn judge(version: ProtocolVersion, record: &[u8]) -> Trust {
        let config = crate::config::shared(1200).expect("its cryptography works");
        let stage = Stage {
            role: Role::Responder,
            version: Some(version),
            has_spoken: true,
            is_retried: false,
            is_greeted: false,
        };
        trust(record, stage, &config)
    }

    /// A ClientHello with one suite and nothing else.
    fn hello() -> Vec<u8> {
        [&[0xfe, 0xfd][..], &[1; 32], &[0, 0, 0, 2, 0, 1, 1, 0]].concat()
    }

    #[test]
    fn the_handshake_and_what_is_protected_are_judged_by_dimpl() {
        let whole = message(0, 42, 0, &hello());
        let fragments = [message(0, 90, 0, b"abc"), message(0, 90, 3, b"abcdef")].concat();
        let said = Trust::Handshake(Progress::None);
        for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
            assert_eq!(judge(version, &record(22, 0, &whole)), said);
            assert_eq!(judge(version, &record(22, 0, &fragments)), said);
        }
        let of_12 = [
            record(21, 1, &[2; TAG]),
            record(22, 1, b"as long as ciphertext is"),
        ];
        let of_13 = [[&[0x2c, 0, 7, 0, TAG as u8][..], &[0; TAG]].concat()];
        for (version, records, other) in [
            (ProtocolVersion::DTLS1_2, &of_12[..], &of_13[..]),
            (ProtocolVersion::DTLS1_3, &of_13[..], &of_12[..]),
        ] {
            for record in records {
                assert_eq!(judge(version, record), Trust::Judge, "{record:?}");
            }
            for record in other {
                assert_eq!(judge(version, record), Trust::Unprotected, "{record:?}");
            }
        }
    }

    #[test]
    fn plaintext_ends_where_there_are_keys_for_one_epoch() {
        let end = record(20, 0, &[1]);
        let judged = judge(ProtocolVersion::DTLS1_2, &end);
        assert_eq!(judged, Trust::ChangeCipherSpec);
        let judged = judge(ProtocolVersion::DTLS1_3, &end);
        assert_eq!(judged, Trust::Plaintext(20));
        for body in [&[][..], &[2], &[1, 1]] {
            let judged = judge(ProtocolVersion::DTLS1_2, &record(20, 0, body));
            assert_eq!(judged, Trust::Plaintext(20));
        }
        for epoch in [2, 7, u16::MAX] {
            let judged = judge(ProtocolVersion::DTLS1_2, &record(22, epoch, &[0; 60]));
            assert_eq!(judged, Trust::Unprotected);
        }
    }

    #[test]
    fn other_plaintext_proves_nothing() {
        let judge = |record: &[u8]| judge(ProtocolVersion::DTLS1_2, record);
        assert_eq!(judge(&record(21, 0, &[2, 40])), Trust::PlaintextAlert(40));
        assert_eq!(judge(&record(21, 0, &[])), Trust::PlaintextAlert(0));
        assert_eq!(judge(&record(26, 0, &[])), Trust::Plaintext(26));
        assert_eq!(judge(&record(23, 0, b"data")), Trust::Plaintext(23));
    }

    #[test]
    fn what_has_no_room_for_a_tag_is_not_protected() {
        for record in [
            record(23, 1, &[]),
            record(23, 1, &[1]),
            record(22, 2, &[0; TAG - 1]),
            vec![0x2c, 0, 7, 0, 2, 2, 40],
            vec![0x20],
        ] {
            for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
                assert_eq!(judge(version, &record), Trust::Unprotected, "{record:?}");
            }
        }
    }

    #[test]
    fn what_only_calls_itself_handshake_is_told_apart() {
        let good = message(0, 42, 0, &hello());
        for body in [
            vec![],
            vec![0xff; 40],
            good[..good.len() - 1].to_vec(),
            [&good[..], &[0]].concat(),
            message(0, 42, 1, &hello()),
            message(1, 42, 0, &hello()),
            message(0, 90, 0, b""),
            message(0, 0, 0, b""),
            [&[14], &message(3, 0, 0, b"")[1..]].concat(),
            [&[20], &message(4, 12, 0, b"verify data!")[1..]].concat(),
        ] {
            let judged = judge(ProtocolVersion::DTLS1_2, &record(22, 0, &body));
            assert_eq!(judged, Trust::Plaintext(22), "{body:?}");
        }
    }

    #[test]
    fn a_client_hello_has_a_random_where_it_begins() {
        let hello: Vec<u8> = [0xfe, 0xfd].into_iter().chain(0..33).collect();
        let random = hello[2..34].first_chunk().copied();
        let begun = message(0, 35, 0, &hello);
        assert_eq!(client_random(&record(22, 0, &begun)), random);
        for other in [
            record(22, 0, &begun[..12 + 33]),
            record(22, 1, &begun),
            record(23, 0, &begun),
            record(22, 0, &message(0, 70, 35, &hello)),
            record(22, 0, &[&[2], &begun[1..]].concat()),
            record(22, 0, &[]),
        ] {
            assert_eq!(client_random(&other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_datagram_makes_it_panic(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
            let cut: Vec<_> = records(&datagram).collect();
            prop_assert!(datagram.starts_with(&cut.concat()));
            for record in cut {
                judge(ProtocolVersion::DTLS1_2, record);
                judge(ProtocolVersion::DTLS1_3, record);
                client_random(record);
            }
        }
    }
}
