//! What begins a handshake.
use super::forger::{HANDSHAKE, extension, message, vector8, vector16};
use super::{FIRST_CLIENT, FIRST_SERVER, Kind, Moment, absorbed, ending};
use handclasp::plugin::Role;

/// Suites that nearly all know: ECDHE with ECDSA under AES-128-GCM and AES-256-GCM.
const SUITES: [u16; 2] = [0xc02b, 0xc02c];

/// What a ClientHello of DTLS 1.2 has that offers what nearly all know.
fn client_extensions(has_master_secret: bool) -> Vec<u8> {
    let mut extensions = [
        extension(10, &vector16(&[0, 29, 0, 23])),
        extension(11, &vector8(&[0])),
        extension(13, &vector16(&[4, 3, 5, 3])),
        extension(14, &[0, 6, 0, 8, 0, 7, 0, 1, 0]),
        extension(0xff01, &[0]),
    ]
    .concat();
    if has_master_secret {
        extensions.extend(extension(23, &[]));
    }
    extensions
}

/// What a ServerHello has that takes it up.
fn server_extensions() -> Vec<u8> {
    [
        extension(23, &[]),
        extension(14, &[0, 2, 0, 7, 0]),
        extension(0xff01, &[0]),
    ]
    .concat()
}

pub(super) const KINDS: &[Kind] = &[
    absorbed("an empty ClientHello", |forger| {
        let place = forger.place();
        forger.message(1, place, &[])
    }),
    absorbed("a ClientHello that is cut short", |forger| {
        let mut hello = forger.client_hello(0xfefd, &SUITES, &client_extensions(true));
        hello.truncate(forger.rng.usize(1..hello.len()));
        forger.message(1, 0, &hello)
    }),
    absorbed("a ClientHello of DTLS 1.0", |forger| {
        let hello = forger.client_hello(0xfeff, &SUITES, &client_extensions(true));
        forger.message(1, 0, &hello)
    }),
    absorbed("a ClientHello without a common suite", |forger| {
        let suite = forger.rng.u16(0x0001..0x0020);
        let hello = forger.client_hello(0xfefd, &[suite], &client_extensions(true));
        forger.message(1, 0, &hello)
    }),
    ending(
        "a ClientHello without extended master secret",
        |forger| {
            let hello = forger.client_hello(0xfefd, &SUITES, &client_extensions(false));
            forger.message(1, 0, &hello)
        },
        &[(Role::Responder, Moment::First, FIRST_CLIENT)],
    ),
    ending(
        "a ClientHello of somebody else",
        |forger| {
            let hello = forger.client_hello(0xfefd, &SUITES, &client_extensions(true));
            forger.message(1, 0, &hello)
        },
        &[(Role::Responder, Moment::First, FIRST_CLIENT)],
    ),
    absorbed("a second ClientHello", |forger| {
        let hello = forger.client_hello(0xfefd, &SUITES, &client_extensions(true));
        forger.message(1, 1, &hello)
    }),
    ending(
        "a HelloVerifyRequest",
        |forger| {
            let cookie = forger.bytes(1..33);
            forger.message(3, 0, &[&[0xfe, 0xff], &vector8(&cookie)[..]].concat())
        },
        &[(Role::Initiator, Moment::First, FIRST_SERVER)],
    ),
    absorbed("an empty HelloVerifyRequest", |forger| {
        forger.message(3, 0, &[])
    }),
    absorbed("a HelloVerifyRequest that is cut short", |forger| {
        let cookie = forger.bytes(1..30);
        forger.message(3, 0, &[&[0xfe, 0xff, 32], &cookie[..]].concat())
    }),
    absorbed("an empty ServerHello", |forger| {
        let place = forger.place();
        forger.message(2, place, &[])
    }),
    absorbed("a ServerHello of an unknown suite", |forger| {
        let suite = forger.rng.u16(0xd000..);
        let hello = forger.server_hello(suite, 0, &server_extensions());
        forger.message(2, 0, &hello)
    }),
    absorbed("a ServerHello of an unknown suite in epoch 7", |forger| {
        let suite = forger.rng.u16(0xd000..);
        let hello = forger.server_hello(suite, 0, &server_extensions());
        let message = message(2, 0, hello.len(), 0, &hello);
        forger.record(HANDSHAKE, 7, &message)
    }),
    absorbed("a ServerHello in any epoch", |forger| {
        let hello = forger.server_hello(SUITES[0], 0, &server_extensions());
        let message = message(2, 0, hello.len(), 0, &hello);
        let epoch = forger.rng.u16(1..);
        forger.record(HANDSHAKE, epoch, &message)
    }),
    absorbed("a ServerHello of a suite of DTLS 1.3", |forger| {
        let suite = forger.rng.u16(0x1301..0x1306);
        let hello = forger.server_hello(suite, 0, &server_extensions());
        forger.message(2, 0, &hello)
    }),
    absorbed("a ServerHello with compression", |forger| {
        let compression = forger.rng.u8(1..);
        let hello = forger.server_hello(SUITES[0], compression, &server_extensions());
        forger.message(2, 0, &hello)
    }),
    absorbed("a ServerHello with torn extensions", |forger| {
        let mut hello = forger.server_hello(SUITES[0], 0, &server_extensions());
        hello.truncate(hello.len() - forger.rng.usize(1..4));
        forger.message(2, 0, &hello)
    }),
    absorbed("a ServerHello of DTLS 1.0", |forger| {
        let mut hello = forger.server_hello(SUITES[0], 0, &server_extensions());
        hello[1] = 0xff;
        forger.message(2, 0, &hello)
    }),
    absorbed("a second ServerHello", |forger| {
        let hello = forger.server_hello(SUITES[0], 0, &server_extensions());
        forger.message(2, 1, &hello)
    }),
    ending(
        "a ServerHello of somebody else",
        |forger| {
            let hello = forger.server_hello(SUITES[0], 0, &server_extensions());
            forger.message(2, 0, &hello)
        },
        &[(Role::Initiator, Moment::First, FIRST_SERVER)],
    ),
];
