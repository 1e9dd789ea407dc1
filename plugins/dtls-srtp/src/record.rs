//! A datagram's records, as far as they can be told apart without keys (RFC 6347, RFC 9147).
use crate::key_log::ClientRandom;
use std::iter;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// The type of the handshake message with which a client begins.
const CLIENT_HELLO: u8 = 1;

/// Bytes of the header of a `DTLSPlaintext`, and of any record in DTLS 1.2.
const HEADER: usize = 13;

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

/// Highest sequence number of a handshake message in plaintext: a NewSessionTicket after HelloVerifyRequest,
/// ServerHello, Certificate, CertificateStatus, ServerKeyExchange, CertificateRequest and ServerHelloDone.
const LAST_PLAINTEXT_MESSAGE: u16 = 7;

/// What a record is worth that nothing protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is for dimpl to judge: protected, or part of a handshake that will prove itself.
    Judge,
    /// An alert, by description, that anyone may have sent to end the session.
    PlaintextAlert(u8),
    /// Another, by content type, that no handshake needs in plaintext: an ACK, application data, or what calls
    /// itself handshake and is none. dimpl would keep the latter and stumble over it in the end.
    Plaintext(u8),
}

/// How far a record can be believed.
pub(crate) fn trust(record: &[u8]) -> Trust {
    let is_protected = is_ciphertext(record[0]) || u16_at(record, 3) != Some(0);
    match record[0] {
        _ if is_protected => Trust::Judge,
        CHANGE_CIPHER_SPEC => Trust::Judge,
        HANDSHAKE if is_handshake(&record[HEADER..]) => Trust::Judge,
        ALERT => Trust::PlaintextAlert(record.get(HEADER + 1).copied().unwrap_or_default()),
        content_type => Trust::Plaintext(content_type),
    }
}

/// Whether all of a plaintext record is messages, or parts of such, that a handshake can have.
fn is_handshake(mut body: &[u8]) -> bool {
    let is_empty = body.is_empty();
    while let Some((header, rest)) = body.split_first_chunk::<12>() {
        let [_, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
        let u24 = |high, middle, low| u32::from_be_bytes([0, high, middle, low]);
        let (length, offset, fragment) = (u24(l0, l1, l2), u24(o0, o1, o2), u24(f0, f1, f2));
        let is_plausible =
            offset + fragment <= length && u16::from_be_bytes([s0, s1]) <= LAST_PLAINTEXT_MESSAGE;
        match rest.get(fragment as usize..) {
            Some(rest) if is_plausible => body = rest,
            _ => return false,
        }
    }
    !is_empty && body.is_empty()
}

/// The random value of the ClientHello at the head of a plaintext record, if that much of it is there.
pub(crate) fn client_random(record: &[u8]) -> Option<ClientRandom> {
    let (header, body) = record.split_at_checked(HEADER)?;
    let (message, hello) = body.split_first_chunk::<12>()?;
    let is_hello = header[0] == HANDSHAKE && header[3..5] == [0, 0] && message[0] == CLIENT_HELLO;
    let is_beginning = message[6..9] == [0, 0, 0];
    let random = hello.get(2..)?.first_chunk()?; // after the version
    (is_hello && is_beginning).then_some(*random)
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

    #[test]
    fn the_handshake_and_what_is_protected_are_judged_by_dimpl() {
        let whole = message(7, 2, 0, b"ab");
        let fragments = [message(0, 9, 0, b"abc"), message(0, 9, 3, b"abcdef")].concat();
        for record in [
            record(22, 0, &whole),
            record(22, 0, &fragments),
            record(22, 0, &message(4, 0, 0, b"")),
            record(20, 0, &[1]),
            record(21, 1, &[2, 40]),
            record(22, 1, b"ciphertext"),
            record(23, 1, b"data"),
            vec![0x2c, 0, 7, 0, 2, 2, 40],
        ] {
            assert_eq!(trust(&record), Trust::Judge, "{record:?}");
        }
    }

    #[test]
    fn other_plaintext_proves_nothing() {
        assert_eq!(trust(&record(21, 0, &[2, 40])), Trust::PlaintextAlert(40));
        assert_eq!(trust(&record(21, 0, &[])), Trust::PlaintextAlert(0));
        assert_eq!(trust(&record(26, 0, &[])), Trust::Plaintext(26));
        assert_eq!(trust(&record(23, 0, b"data")), Trust::Plaintext(23));
    }

    #[test]
    fn what_only_calls_itself_handshake_is_told_apart() {
        let good = message(1, 4, 0, b"abcd");
        for body in [
            vec![],
            vec![0xff; 40],
            good[..good.len() - 1].to_vec(),
            [&good[..], &[0]].concat(),
            message(1, 4, 1, b"abcd"),
            message(8, 4, 0, b"abcd"),
        ] {
            assert_eq!(
                trust(&record(22, 0, &body)),
                Trust::Plaintext(22),
                "{body:?}"
            );
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
                trust(record);
                client_random(record);
            }
        }
    }
}
