use super::super::*;
use super::link::*;
use crate::parameters::Version;
use crate::record::tests::record;
use std::time::Duration;

const VERSIONS: [Version; 3] = [Version::Auto, Version::Dtls12, Version::Dtls13];
const LIMIT: Duration = Duration::from_secs(10);

/// Shakes hands while both ends are told `forged` before each datagram of the handshake, and after the last.
fn disturb(version: Version, mut forged: impl FnMut() -> Vec<u8>) -> Link {
    let mut link = Link::new([version; 2], PERFECT, 1);
    link.deliver(RESPONDER, &forged());
    link.start();
    while let Some((to, datagram)) = link.intercept() {
        for index in [INITIATOR, RESPONDER] {
            link.deliver(index, &forged());
        }
        link.deliver(to, &datagram);
    }
    for index in [INITIATOR, RESPONDER] {
        link.deliver(index, &forged());
    }
    link.finish(LIMIT);
    link
}

fn assert_undisturbed(link: &Link) {
    for end in &link.ends {
        assert!(end.failure.is_none(), "{:?}", end.failure);
        assert!(end.keys.is_some());
    }
}

#[test]
fn garbage_never_ends_a_session() {
    let mut random = SplitMix(7);
    for version in VERSIONS {
        for _ in 0..100 {
            let link = disturb(version, || {
                let len = random.below(100) as usize;
                let mut garbage: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
                if let Some(first) = garbage.first_mut() {
                    *first = 20 + *first % 44;
                }
                garbage
            });
            assert_undisturbed(&link);
        }
    }
}

#[test]
fn plaintext_alerts_only_warn_and_only_once() {
    for version in VERSIONS {
        for alert in [[2, 40], [1, 0], [2, 0], [2, 80]] {
            let link = disturb(version, || record(21, 0, &alert));
            assert_undisturbed(&link);
            for end in &link.ends {
                assert_eq!(end.warnings.len(), 1);
            }
        }
    }
}

#[test]
fn plaintext_acks_and_data_change_nothing() {
    let ack_of_the_first_record = [&[0, 16][..], &[0; 16]].concat();
    for version in VERSIONS {
        for forged in [
            record(26, 0, &ack_of_the_first_record),
            record(23, 0, b"data"),
        ] {
            assert_undisturbed(&disturb(version, || forged.clone()));
        }
    }
}

#[test]
fn what_only_looks_like_a_handshake_changes_nothing() {
    let much_later = [1, 0, 0, 4, 1, 7, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
    for version in VERSIONS {
        for body in [&[][..], &[200; 5], &[0xff; 40], &much_later] {
            assert_undisturbed(&disturb(version, || record(22, 0, body)));
        }
        for forged in [
            record(20, 0, &[9; 9]),
            record(22, 1, &[9; 50]),
            record(21, 1, &[9; 50]),
        ] {
            assert_undisturbed(&disturb(version, || forged.clone()));
        }
    }
}

#[test]
fn records_without_room_for_a_tag_change_nothing() {
    let reported = [0x17, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 5, 0, 1, 1];
    for version in VERSIONS {
        assert_undisturbed(&disturb(version, || reported.to_vec()));
        for len in 0..24 {
            let body = vec![1; len];
            let of_13 = [&[0x2d, 0, 7, 0, len as u8][..], &body].concat();
            let of_12 = (20..24).map(|content_type| record(content_type, 1, &body));
            let datagram = of_12.chain([of_13]).collect::<Vec<_>>().concat();
            assert_undisturbed(&disturb(version, || datagram.clone()));
        }
    }
}

#[test]
fn forged_records_hidden_behind_others_change_nothing() {
    for version in VERSIONS {
        let hidden = [
            record(22, 1, b"?"),
            vec![0x2d, 0, 7, 0, 1, 1],
            record(21, 0, &[2, 40]),
        ];
        assert_undisturbed(&disturb(version, || hidden.concat()));
    }
}

#[test]
fn a_responder_whose_queue_is_cluttered_begins_again() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        for count in 0..MAX_QUEUED as u8 {
            // Fragments of a ClientHello that never begins: type, length, sequence, offset, length, body.
            let message = [1, 0, 9, 0, 0, 0, 0, 1, count, 0, 0, 4, 1, 2, 3, 4];
            link.deliver(RESPONDER, &record(22, 0, &message));
        }
        link.start().finish(LIMIT);
        assert_undisturbed(&link);
    }
}

#[test]
fn a_flood_of_repeated_messages_is_answered_within_bounds() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        link.start().finish(LIMIT);
        let said = link.ends.each_ref().map(|end| end.sent.clone());
        for _ in 0..50 {
            for index in [INITIATOR, RESPONDER] {
                // An empty first fragment of the first message, many times in one datagram.
                for kind in [1, 11, 14, 16, 20] {
                    let message = [kind, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
                    link.deliver(index, &record(22, 0, &message).repeat(40));
                }
                for datagram in &said[1 - index] {
                    link.deliver(index, datagram);
                }
            }
        }
        link.lose_all();
        assert_undisturbed(&link);
    }
}

#[test]
fn altered_datagrams_never_make_it_panic() {
    let mut random = SplitMix(11);
    for version in VERSIONS {
        for seed in 0..300 {
            let mut link = Link::new([version; 2], PERFECT, seed);
            link.start();
            while let Some((to, datagram)) = link.intercept() {
                let mut altered = datagram.clone();
                for _ in 0..=random.below(3) {
                    let at = random.below(altered.len() as u64) as usize;
                    match random.below(4) {
                        0 => altered.truncate(at.max(1)),
                        1 => altered.insert(at, random.next() as u8),
                        _ => altered[at] ^= 1 << random.below(8),
                    }
                }
                let first = if random.below(2) == 0 {
                    [altered, datagram]
                } else {
                    [datagram, altered]
                };
                for datagram in first {
                    link.deliver(to, &datagram);
                }
            }
            link.run(LIMIT, |link| {
                link.ends.iter().any(|end| end.failure.is_some())
            });
            for end in &link.ends {
                assert!(end.keys.is_none() || end.session.keys().is_some());
            }
        }
    }
}
