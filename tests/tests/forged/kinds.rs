//! What is forged, and what of it DTLS cannot tell from the peer's own.
use crate::forger::{
    ACK, ALERT, CHANGE_CIPHER_SPEC, DATA, Forger, HANDSHAKE, HUGE, extension, message, numbered,
    vector8, vector16, vector24,
};
use crate::pair::{INITIATOR, RESPONDER};

/// When a forged datagram comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Before any of the peer's.
    First,
    /// Before the one with which the victim finishes.
    Last,
    /// Before the last record of that.
    Between,
    /// After both have finished.
    Finished,
}

/// A kind of forged datagram.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) forge: fn(&mut Forger<'_>) -> Vec<u8>,
    /// Whose handshake it can end, when, and why nothing can be done. Everywhere else it changes nothing.
    pub(crate) ends: &'static [(usize, Moment, &'static str)],
}

const FIRST_CLIENT: &str = "a server answers the first ClientHello that it has an answer to; whose that was shows at \
                            the end";
const FIRST_SERVER: &str = "a client believes the first answer to its ClientHello that it can agree to; whose that was \
                            shows at the end";
const IN_ITS_PLACE: &str = "a message before the keys, in its place and form, is the peer's or not: what comes second \
                            is a repetition";
const UNFINISHED: &str =
    "a fragment before the keys, in its place, is the peer's or not: the rest is fitted to it";

const fn absorbed(name: &'static str, forge: fn(&mut Forger<'_>) -> Vec<u8>) -> Kind {
    Kind {
        name,
        forge,
        ends: &[],
    }
}

const fn ending(
    name: &'static str,
    forge: fn(&mut Forger<'_>) -> Vec<u8>,
    ends: &'static [(usize, Moment, &'static str)],
) -> Kind {
    Kind { name, forge, ends }
}

/// Every kind.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    RECORDS
        .iter()
        .chain(PROTECTED)
        .chain(MESSAGES)
        .chain(HELLOS)
        .chain(FLIGHTS)
}

/// Records that a handshake has no use for.
const RECORDS: &[Kind] = &[
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

/// Records that claim to be protected.
const PROTECTED: &[Kind] = &[
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
        &[(RESPONDER, Moment::Last, IN_ITS_PLACE)], // a Certificate, where the client's is to come
    ),
];

/// Handshake records that no peer sends.
const MESSAGES: &[Kind] = &[
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

/// Suites that both plugins offer: ECDHE with ECDSA under AES-128-GCM and AES-256-GCM.
const SUITES: [u16; 2] = [0xc02b, 0xc02c];

/// What a ClientHello of DTLS 1.2 has that offers what both plugins know.
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

/// What begins a handshake.
const HELLOS: &[Kind] = &[
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
        &[(RESPONDER, Moment::First, FIRST_CLIENT)],
    ),
    ending(
        "a ClientHello of somebody else",
        |forger| {
            let hello = forger.client_hello(0xfefd, &SUITES, &client_extensions(true));
            forger.message(1, 0, &hello)
        },
        &[(RESPONDER, Moment::First, FIRST_CLIENT)],
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
        &[(INITIATOR, Moment::First, FIRST_SERVER)],
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
        &[(INITIATOR, Moment::First, FIRST_SERVER)],
    ),
];

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

/// What follows a hello before the keys.
const FLIGHTS: &[Kind] = &[
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
        &[(RESPONDER, Moment::Last, IN_ITS_PLACE)],
    ),
    ending(
        "a Certificate of somebody else",
        |forger| {
            let body = certificate(forger);
            forger.message(11, 1, &body)
        },
        &[
            (INITIATOR, Moment::First, IN_ITS_PLACE),
            (RESPONDER, Moment::Last, IN_ITS_PLACE),
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
        &[(INITIATOR, Moment::First, IN_ITS_PLACE)],
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
        &[(INITIATOR, Moment::First, IN_ITS_PLACE)],
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
        &[(INITIATOR, Moment::First, IN_ITS_PLACE)],
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
        &[(RESPONDER, Moment::Last, IN_ITS_PLACE)],
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
        &[(RESPONDER, Moment::Last, IN_ITS_PLACE)],
    ),
    ending(
        "the first fragment of a message that is to come",
        |forger| {
            let fragment = forger.bytes(20..60);
            forger.fragment(11, 1, 500, 0, &fragment)
        },
        &[
            (INITIATOR, Moment::First, UNFINISHED),
            (RESPONDER, Moment::Last, UNFINISHED),
        ],
    ),
];
