//! Records that a handshake has no use for.
use super::forger::{ACK, ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, numbered, vector16};
use super::{Kind, absorbed};

pub(super) const KINDS: &[Kind] = &[
    absorbed("a fatal alert in plaintext", |forger| {
        let alert = [2, forger.rng.u8(1..120)];
        forger.record(ALERT, 0, &alert)
    }),
    absorbed("a warning in plaintext", |forger| {
        let alert = [1, forger.rng.u8(1..120)];
        forger.record(ALERT, 0, &alert)
    }),
    absorbed("a close_notify in plaintext", |forger| {
        forger.record(ALERT, 0, &[1, 0])
    }),
    absorbed("a fatal close_notify", |forger| {
        forger.record(ALERT, 0, &[2, 0])
    }),
    absorbed("an alert of an unknown level", |forger| {
        let alert = [forger.rng.u8(3..), forger.byte()];
        forger.record(ALERT, 0, &alert)
    }),
    absorbed("an empty alert", |forger| forger.record(ALERT, 0, &[])),
    absorbed("an alert of one byte", |forger| {
        let alert = forger.bytes(1..2);
        forger.record(ALERT, 0, &alert)
    }),
    absorbed("an alert that is too long", |forger| {
        let alert = forger.bytes(3..40);
        forger.record(ALERT, 0, &alert)
    }),
    absorbed("an alert of DTLS 1.0", |forger| {
        let mut record = forger.record(ALERT, 0, &[2, 40]);
        record[2] = 0xff;
        record
    }),
    absorbed("a ChangeCipherSpec", |forger| {
        forger.record(CHANGE_CIPHER_SPEC, 0, &[1])
    }),
    absorbed("a ChangeCipherSpec with the highest number", |_| {
        numbered(CHANGE_CIPHER_SPEC, 0, (1 << 48) - 1, &[1])
    }),
    absorbed("many ChangeCipherSpecs", |forger| {
        let records = (0..100).map(|_| forger.record(CHANGE_CIPHER_SPEC, 0, &[1]));
        records.collect::<Vec<_>>().concat()
    }),
    absorbed("an empty ChangeCipherSpec", |forger| {
        forger.record(CHANGE_CIPHER_SPEC, 0, &[])
    }),
    absorbed("a ChangeCipherSpec of another value", |forger| {
        let value = [forger.rng.u8(2..)];
        forger.record(CHANGE_CIPHER_SPEC, 0, &value)
    }),
    absorbed("a ChangeCipherSpec that is too long", |forger| {
        let body = forger.bytes(2..40);
        forger.record(CHANGE_CIPHER_SPEC, 0, &body)
    }),
    absorbed("data in plaintext", |forger| {
        let data = forger.bytes(1..200);
        forger.record(DATA, 0, &data)
    }),
    absorbed("empty data", |forger| forger.record(DATA, 0, &[])),
    absorbed("an ACK in plaintext", |forger| {
        let records = forger.bytes(16..17).repeat(2);
        forger.record(ACK, 0, &vector16(&records))
    }),
    absorbed("an ACK of a hello's record", |forger| {
        forger.record(ACK, 0, &vector16(&[0; 16]))
    }),
    absorbed("an empty ACK", |forger| forger.record(ACK, 0, &[])),
    absorbed("a heartbeat", |forger| {
        let payload = forger.bytes(16..40);
        forger.record(24, 0, &[&[1, 0xff, 0xff], &payload[..]].concat())
    }),
    absorbed("a record with a connection id", |forger| {
        let body = forger.bytes(0..60);
        let epoch = forger.rng.u16(..3);
        forger.record(25, epoch, &body)
    }),
    absorbed("a record of an unknown type", |forger| {
        let (kind, body) = (forger.rng.u8(27..32), forger.bytes(0..60));
        let epoch = forger.rng.u16(..2);
        forger.record(kind, epoch, &body)
    }),
    absorbed("a record of another protocol", |forger| {
        let body = forger.bytes(0..60);
        let mut record = forger.record(HANDSHAKE, 0, &body);
        record[1] = 3;
        record
    }),
    absorbed("a record that is torn", |forger| {
        let body = forger.bytes(1..60);
        let mut record = forger.record(HANDSHAKE, 0, &body);
        record.truncate(record.len() - forger.rng.usize(1..=body.len()));
        record
    }),
    absorbed("a part of a record's header", |forger| {
        let mut record = forger.record(HANDSHAKE, 0, &[]);
        record.truncate(forger.rng.usize(1..13));
        record
    }),
    absorbed("anything that begins as DTLS", |forger| {
        let mut bytes = forger.bytes(1..200);
        bytes[0] = forger.rng.u8(20..64);
        bytes
    }),
];
