//! Handshake records that no peer sends.
use super::forger::{HANDSHAKE, HUGE, message, vector16, vector24};
use super::{Kind, absorbed};

pub(super) const KINDS: &[Kind] = &[
    absorbed("an empty handshake record", |forger| {
        forger.record(HANDSHAKE, 0, &[])
    }),
    absorbed("anything in a handshake record", |forger| {
        let mut body = forger.bytes(1..200);
        body[0] |= 0x40; // a type that there is not
        forger.record(HANDSHAKE, 0, &body)
    }),
    absorbed("a fragment of 16 MB", |forger| {
        let (kind, place, body) = (forger.rng.u8(..21), forger.place(), forger.bytes(0..60));
        forger.fragment(kind, place, HUGE, 0, &body)
    }),
    absorbed("a fragment at the end of 16 MB", |forger| {
        let (kind, place, body) = (forger.rng.u8(..21), forger.place(), forger.bytes(1..60));
        forger.fragment(kind, place, HUGE, HUGE - body.len(), &body)
    }),
    absorbed("a fragment beyond its message", |forger| {
        let (kind, place, body) = (forger.rng.u8(..21), forger.place(), forger.bytes(1..60));
        let length = forger.rng.usize(..200);
        forger.fragment(kind, place, length, length, &body)
    }),
    absorbed("a fragment of nothing", |forger| {
        let (kind, place) = (forger.rng.u8(..21), forger.place());
        let length = forger.rng.usize(1..2000);
        forger.fragment(kind, place, length, 0, &[])
    }),
    absorbed("a message with a byte behind it", |forger| {
        let hello = forger.hello(0xfefd);
        let message = message(2, 0, hello.len(), 0, &hello);
        forger.record(HANDSHAKE, 0, &[&message[..], &[0]].concat())
    }),
    absorbed("a message with a number far ahead", |forger| {
        let (kind, place) = (forger.rng.u8(..21), forger.rng.u16(8..));
        let body = forger.bytes(0..60);
        forger.message(kind, place, &body)
    }),
    absorbed("a message of an unknown type", |forger| {
        let (kind, place) = (forger.rng.u8(26..254), forger.place());
        let body = forger.bytes(0..60);
        forger.message(kind, place, &body)
    }),
    absorbed("a HelloRequest", |forger| {
        let place = forger.place();
        forger.message(0, place, &[])
    }),
    absorbed("a NewSessionTicket", |forger| {
        let (place, ticket) = (forger.place(), forger.bytes(1..60));
        let body = [&[0, 0, 0, 9], &vector16(&ticket)[..]].concat();
        forger.message(4, place, &body)
    }),
    absorbed("EncryptedExtensions in plaintext", |forger| {
        let place = forger.place();
        forger.message(8, place, &[0, 0])
    }),
    absorbed("a CertificateStatus", |forger| {
        let (place, status) = (forger.place(), forger.bytes(1..60));
        let body = [vec![1], vector24(&status)].concat();
        forger.message(22, place, &body)
    }),
    absorbed("a KeyUpdate in plaintext", |forger| {
        let place = forger.place();
        forger.message(24, place, &[1])
    }),
    absorbed("an empty Finished", |forger| {
        let place = forger.place();
        forger.message(20, place, &[])
    }),
    absorbed("a Finished in plaintext", |forger| {
        let (place, body) = (forger.place(), forger.bytes(12..13));
        forger.message(20, place, &body)
    }),
];
