//! Records that claim to be protected.
use super::forger::{ACK, ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, numbered, vector16};
use super::{IN_ITS_PLACE, Kind, Moment, absorbed, ending};
use handclasp::plugin::Role;

pub(super) const KINDS: &[Kind] = &[
    absorbed("data in epoch 1 without room for a tag", |forger| {
        let body = forger.bytes(0..24);
        forger.record(DATA, 1, &body)
    }),
    absorbed("an alert in epoch 1 without room for a tag", |forger| {
        let body = forger.bytes(0..24);
        forger.record(ALERT, 1, &body)
    }),
    absorbed(
        "a handshake record in epoch 1 without room for a tag",
        |forger| {
            let body = forger.bytes(0..24);
            forger.record(HANDSHAKE, 1, &body)
        },
    ),
    absorbed("a ChangeCipherSpec in epoch 1", |forger| {
        forger.record(CHANGE_CIPHER_SPEC, 1, &[1])
    }),
    absorbed("data in epoch 1", |forger| {
        let body = forger.bytes(24..200);
        forger.record(DATA, 1, &body)
    }),
    absorbed("an alert in epoch 1", |forger| {
        let body = forger.bytes(24..60);
        forger.record(ALERT, 1, &body)
    }),
    absorbed("a Finished in epoch 1", |forger| {
        let body = forger.bytes(48..49);
        forger.record(HANDSHAKE, 1, &body)
    }),
    absorbed(
        "a Finished in epoch 1 with the number of the peer's",
        |forger| {
            let body = forger.bytes(48..49);
            numbered(HANDSHAKE, 1, forger.rng.u64(..3), &body)
        },
    ),
    absorbed("a record in epoch 1 with the highest number", |forger| {
        let (kind, body) = (forger.rng.u8(20..24), forger.bytes(24..60));
        numbered(kind, 1, (1 << 48) - 1, &body)
    }),
    absorbed("a record in epoch 1 of 17 KB", |forger| {
        let (kind, body) = (forger.rng.u8(20..24), forger.bytes(17_000..18_432));
        forger.record(kind, 1, &body)
    }),
    absorbed("an ACK in epoch 1", |forger| {
        let body = forger.bytes(0..60);
        forger.record(ACK, 1, &body)
    }),
    absorbed("a record in epoch 2", |forger| {
        let (kind, body) = (forger.rng.u8(20..27), forger.bytes(0..60));
        forger.record(kind, 2, &body)
    }),
    absorbed("a record in any epoch", |forger| {
        let (kind, epoch) = (forger.rng.u8(20..27), forger.rng.u16(2..));
        let body = forger.bytes(0..60);
        forger.record(kind, epoch, &body)
    }),
    absorbed("a unified header and nothing else", |forger| {
        let flags = 0b10_0000 | forger.rng.u8(..32);
        [vec![flags], forger.bytes(0..5)].concat()
    }),
    absorbed("a record of DTLS 1.3 without room for a tag", |forger| {
        let (flags, body) = (0b10_1100 | forger.rng.u8(..4), forger.bytes(0..16));
        [vec![flags], forger.bytes(2..3), vector16(&body)].concat()
    }),
    absorbed("a record of DTLS 1.3", |forger| {
        let (flags, body) = (0b10_1100 | forger.rng.u8(..4), forger.bytes(16..200));
        [vec![flags], forger.bytes(2..3), vector16(&body)].concat()
    }),
    absorbed("a record of DTLS 1.3 without a length", |forger| {
        let flags = 0b10_0000 | forger.rng.u8(..4);
        [vec![flags], forger.bytes(17..200)].concat()
    }),
    absorbed("a record of DTLS 1.3 with a connection id", |forger| {
        let flags = 0b11_0000 | forger.rng.u8(..16);
        [vec![flags], forger.bytes(17..200)].concat()
    }),
    absorbed("the peer's last datagram with other bytes", |forger| {
        let mut datagram = forger.genuine();
        if datagram.len() > 40 {
            // In the last record, whose tag that is, or whose message is an old one.
            let at = datagram.len() - forger.rng.usize(1..16);
            datagram[at] ^= forger.rng.u8(1..);
        }
        datagram
    }),
    ending(
        "the victim's own datagram",
        |forger| forger.reflected(),
        &[(Role::Responder, Moment::Last, IN_ITS_PLACE)], // a Certificate, where the client's is to come
    ),
];
