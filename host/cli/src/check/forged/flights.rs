//! What follows a hello before the keys.
use super::forger::{Forger, vector8, vector16, vector24};
use super::{IN_ITS_PLACE, Kind, Moment, UNFINISHED, absorbed, ending};
use handclasp::plugin::Role;

/// A certificate that nobody announced, as far as its form goes.
fn certificate(forger: &mut Forger<'_>) -> Vec<u8> {
    let contents = forger.bytes(300..400);
    let certificate = [&[0x30, 0x82], &vector16(&contents)[..]].concat();
    vector24(&vector24(&certificate))
}

/// A signature of nobody.
fn signature(forger: &mut Forger<'_>) -> Vec<u8> {
    let signature = forger.bytes(70..73);
    [&[4, 3], &vector16(&signature)[..]].concat()
}

/// A public key on X25519.
fn point(forger: &mut Forger<'_>) -> Vec<u8> {
    let point = forger.bytes(32..33);
    vector8(&point)
}

pub(super) const KINDS: &[Kind] = &[
    absorbed("an empty Certificate", |forger| forger.message(11, 1, &[])),
    absorbed("a Certificate with a torn list", |forger| {
        let mut body = certificate(forger);
        body.truncate(body.len() - forger.rng.usize(1..100));
        forger.message(11, 1, &body)
    }),
    absorbed("a Certificate in another place", |forger| {
        let body = certificate(forger);
        let place = forger.rng.u16(2..8);
        forger.message(11, place, &body)
    }),
    ending(
        "a Certificate without any",
        |forger| forger.message(11, 1, &[0, 0, 0]),
        &[(Role::Responder, Moment::Last, IN_ITS_PLACE)],
    ),
    ending(
        "a Certificate of somebody else",
        |forger| {
            let body = certificate(forger);
            forger.message(11, 1, &body)
        },
        &[
            (Role::Initiator, Moment::First, IN_ITS_PLACE),
            (Role::Responder, Moment::Last, IN_ITS_PLACE),
        ],
    ),
    absorbed("an empty ServerKeyExchange", |forger| {
        forger.message(12, 2, &[])
    }),
    absorbed("a ServerKeyExchange that is torn", |forger| {
        let mut body = [vec![3, 0, 29], point(forger), signature(forger)].concat();
        body.truncate(body.len() - forger.rng.usize(1..40));
        forger.message(12, 2, &body)
    }),
    ending(
        "a ServerKeyExchange of somebody else",
        |forger| {
            let body = [vec![3, 0, 29], point(forger), signature(forger)].concat();
            forger.message(12, 2, &body)
        },
        &[(Role::Initiator, Moment::First, IN_ITS_PLACE)],
    ),
    absorbed("an empty CertificateRequest", |forger| {
        forger.message(13, 3, &[])
    }),
    absorbed("a CertificateRequest that is torn", |forger| {
        let len = forger.rng.usize(1..8);
        forger.message(13, 3, &[1, 64, 0, 4, 4, 3, 5, 3, 0, 0][..len])
    }),
    ending(
        "a CertificateRequest for what nobody has",
        |forger| forger.message(13, 3, &[1, 1, 0, 2, 2, 1, 0, 0]),
        &[(Role::Initiator, Moment::First, IN_ITS_PLACE)],
    ),
    absorbed("a ServerHelloDone with a body", |forger| {
        let (place, body) = (forger.place(), forger.bytes(1..40));
        forger.message(14, place, &body)
    }),
    absorbed("a ServerHelloDone in another place", |forger| {
        let place = [0, 1, 2, 5, 6][forger.rng.usize(..5)];
        forger.message(14, place, &[])
    }),
    ending(
        "a ServerHelloDone in the place of a CertificateRequest",
        |forger| forger.message(14, 3, &[]),
        &[(Role::Initiator, Moment::First, IN_ITS_PLACE)],
    ),
    absorbed("an empty ClientKeyExchange", |forger| {
        forger.message(16, 2, &[])
    }),
    absorbed("a ClientKeyExchange that is torn", |forger| {
        let mut body = point(forger);
        body.truncate(forger.rng.usize(1..body.len()));
        forger.message(16, 2, &body)
    }),
    absorbed("a ClientKeyExchange in another place", |forger| {
        let body = point(forger);
        let place = [0, 1, 3, 4, 5][forger.rng.usize(..5)];
        forger.message(16, place, &body)
    }),
    ending(
        "a ClientKeyExchange of somebody else",
        |forger| {
            let body = point(forger);
            forger.message(16, 2, &body)
        },
        &[(Role::Responder, Moment::Last, IN_ITS_PLACE)],
    ),
    absorbed("an empty CertificateVerify", |forger| {
        let place = forger.place();
        forger.message(15, place, &[])
    }),
    absorbed("a CertificateVerify that is torn", |forger| {
        let mut body = signature(forger);
        body.truncate(forger.rng.usize(1..body.len()));
        forger.message(15, 3, &body)
    }),
    ending(
        "a CertificateVerify of somebody else",
        |forger| {
            let body = signature(forger);
            forger.message(15, 3, &body)
        },
        &[(Role::Responder, Moment::Last, IN_ITS_PLACE)],
    ),
    ending(
        "the first fragment of a message that is to come",
        |forger| {
            let fragment = forger.bytes(20..60);
            forger.fragment(11, 1, 500, 0, &fragment)
        },
        &[
            (Role::Initiator, Moment::First, UNFINISHED),
            (Role::Responder, Moment::Last, UNFINISHED),
        ],
    ),
];
