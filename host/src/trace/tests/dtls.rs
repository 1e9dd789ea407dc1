use crate::trace::{DtlsRecord, dtls_records};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn messages_in_the_clear_are_told_apart() {
    // Fragment 40..44 of a Certificate, the third message of its sender; then the epoch changes.
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 9, 0, 16];
    datagram.extend([11, 0, 2, 0, 0, 2, 0, 0, 40, 0, 0, 4, 1, 2, 3, 4]);
    datagram.extend([20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1, 1]);
    datagram.extend([22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7]);
    let expected = [
        DtlsRecord::Handshake {
            kind: 11,
            sequence: 2,
            offset: 40,
        },
        DtlsRecord::Plain(20),
        DtlsRecord::Encrypted(22),
    ];
    assert_eq!(dtls_records(&datagram), Some(expected.to_vec()));
}

#[test]
fn the_short_header_of_1_3_needs_its_length() {
    let short = [0x25, 9, 0, 2, 1, 1];
    let long = [0x2d, 9, 9, 0, 2, 1, 1];
    let both = [&short[..], &long].concat();
    assert_eq!(dtls_records(&both), Some(vec![DtlsRecord::Ciphertext; 2]));
    assert_eq!(dtls_records(&[0x21, 9, 1, 1]), None, "it has none");
    assert_eq!(
        dtls_records(&[0x35, 9, 0, 1, 1]),
        None,
        "a connection id of unknown length"
    );
    assert_eq!(dtls_records(&[]), None);
}

proptest! {
    #[test]
    fn anything_may_stand_there(datagram in vec(any::<u8>(), 0..100), first in 20..64_u8) {
        let datagram = [&[first][..], &datagram].concat();
        if let Some(records) = dtls_records(&datagram) {
            prop_assert!(!records.is_empty() && records.len() <= datagram.len());
        }
    }
}
