//! The handshake messages that a peer can have sent in plaintext: by type, place and form.
//!
//! dimpl gives the handshake up at a message whose content has no sense, and waits for ever behind one that has no place
//! or not its type's form. The peer's have both; what has not is somebody else's, and dropped.
use dimpl::{Config, ProtocolVersion};
use handclasp_plugin::Role;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// The random value of a ServerHello that asks for another ClientHello (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// How far the handshake has come, as far as that decides what the peer may say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// This side's.
    pub(crate) role: Role,
    /// None while both are possible.
    pub(crate) version: Option<ProtocolVersion>,
    /// Whether this side has sent anything.
    pub(crate) has_spoken: bool,
    /// Whether the server has asked for a second ClientHello: its own hello, and what is behind it, then counts from 1.
    pub(crate) is_retried: bool,
    /// Whether the server's hello has come.
    pub(crate) is_greeted: bool,
}

/// What a record of messages is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// The peer can have sent it; what it tells of the stage to come.
    Plausible(Progress),
    /// Its peer has agreed to what was not offered: it is somebody else's, or there is no handshake with this peer.
    Unacceptable(&'static str),
    /// Nobody who shakes hands sends it.
    Senseless,
}

/// What a message changes for those that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing.
    None,
    /// The server wants another ClientHello.
    Retried,
    /// The server has agreed.
    Greeted,
}

/// Looks at a record's messages, or parts of such.
pub(crate) fn weigh(mut body: &[u8], stage: Stage, config: &Config) -> Worth {
    let mut progress = Progress::None;
    loop {
        let Some((message, rest)) = Message::read(body) else {
            return Worth::Senseless;
        };
        match message.weigh(stage, config) {
            Worth::Plausible(Progress::None) => {}
            Worth::Plausible(next) => progress = next,
            refused => return refused,
        }
        if rest.is_empty() {
            return Worth::Plausible(progress);
        }
        body = rest;
    }
}

/// Whether a record of our own is a server's wish for another ClientHello.
pub(crate) fn asks_again(body: &[u8]) -> bool {
    Message::read(body)
        .is_some_and(|(message, _)| message.kind == SERVER_HELLO && message.is_retry())
}

/// Whether a record is one whole ClientHello.
pub(crate) fn is_client_hello(body: &[u8]) -> bool {
    let message = Message::read(body);
    message.is_some_and(|(message, rest)| {
        message.kind == CLIENT_HELLO && message.is_whole() && rest.is_empty()
    })
}

/// A handshake message, or a fragment of one.
struct Message<'a> {
    kind: u8,
    length: usize,
    number: u16,
    offset: usize,
    fragment: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(body: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader(body);
        let kind = reader.number(1)?;
        let length = reader.number(3)?;
        let number = reader.number(2)?;
        let offset = reader.number(3)?;
        let fragment = reader.vector(3)?;
        // A fragment of nothing would take the place of what has something.
        let is_sound = offset + fragment.len() <= length && (length == 0 || !fragment.is_empty());
        let message = Self {
            kind: u8::try_from(kind).ok()?,
            length,
            number: u16::try_from(number).ok()?,
            offset,
            fragment,
        };
        is_sound.then_some((message, reader.0))
    }

    fn is_whole(&self) -> bool {
        self.fragment.len() == self.length
    }

    fn is_retry(&self) -> bool {
        self.offset == 0 && self.fragment.get(2..34) == Some(&RETRY[..])
    }

    fn weigh(&self, stage: Stage, config: &Config) -> Worth {
        let rules = match stage.role {
            Role::Initiator => SERVERS,
            Role::Responder => CLIENTS,
        };
        let Some(rule) = rules.iter().find(|rule| rule.kind == self.kind) else {
            return Worth::Senseless;
        };
        let (least, most) = rule.lengths;
        let fits = (least..=most).contains(&self.length);
        if !fits || !rule.has_version(stage) || !rule.has_place(self.number, stage) {
            return Worth::Senseless;
        }
        if self.is_whole() && !self.has_form() {
            return Worth::Senseless;
        }
        if self.kind == SERVER_HELLO && self.is_whole() {
            let hello = ServerHello::read(self.fragment);
            if let Some(reason) = hello.and_then(|hello| hello.is_unacceptable(stage, config)) {
                return Worth::Unacceptable(reason);
            }
        }
        Worth::Plausible(match self.kind {
            HELLO_VERIFY_REQUEST => Progress::Retried,
            SERVER_HELLO if self.is_retry() => Progress::Retried,
            SERVER_HELLO => Progress::Greeted,
            _ => Progress::None,
        })
    }

    fn has_form(&self) -> bool {
        let body = Reader(self.fragment);
        let has_form = match self.kind {
            CLIENT_HELLO => client_hello(body),
            SERVER_HELLO => ServerHello::read(self.fragment).map(drop),
            HELLO_VERIFY_REQUEST => hello_verify_request(body),
            CERTIFICATE => certificates(body),
            SERVER_KEY_EXCHANGE => server_key_exchange(body),
            CERTIFICATE_REQUEST => certificate_request(body),
            CLIENT_KEY_EXCHANGE => client_key_exchange(body),
            CERTIFICATE_VERIFY => signed(body),
            _ => body.end(),
        };
        has_form.is_some()
    }
}

/// Where a message may be, and how long.
struct Rule {
    kind: u8,
    /// Places, from the sender's hello on.
    places: (u16, u16),
    /// Bytes of the body: far more than any peer has.
    lengths: (usize, usize),
}

const fn rule(kind: u8, places: (u16, u16), lengths: (usize, usize)) -> Rule {
    Rule {
        kind,
        places,
        lengths,
    }
}

/// Before the keys; the first of them is all of it in DTLS 1.3.
const CLIENTS: &[Rule] = &[
    rule(CLIENT_HELLO, (0, 0), (42, 1 << 14)),
    rule(CERTIFICATE, (1, 1), (3, 1 << 16)),
    rule(CLIENT_KEY_EXCHANGE, (2, 2), (2, 256)),
    rule(CERTIFICATE_VERIFY, (3, 3), (5, 1 << 12)),
];

const SERVERS: &[Rule] = &[
    rule(SERVER_HELLO, (0, 0), (38, 1 << 14)),
    rule(HELLO_VERIFY_REQUEST, (0, 0), (4, 258)),
    rule(CERTIFICATE, (1, 1), (8, 1 << 16)),
    rule(SERVER_KEY_EXCHANGE, (2, 2), (10, 1 << 13)),
    rule(CERTIFICATE_REQUEST, (3, 3), (8, 1 << 16)),
    rule(SERVER_HELLO_DONE, (3, 4), (0, 0)),
];

impl Rule {
    fn is_hello(&self) -> bool {
        [CLIENT_HELLO, SERVER_HELLO, HELLO_VERIFY_REQUEST].contains(&self.kind)
    }

    /// Behind the hellos, DTLS 1.3 has nothing in plaintext; and before our first word a client has nothing else.
    fn has_version(&self, stage: Stage) -> bool {
        match self.kind {
            HELLO_VERIFY_REQUEST => stage.version != Some(ProtocolVersion::DTLS1_3),
            _ if self.is_hello() => true,
            _ => stage.version == Some(ProtocolVersion::DTLS1_2) && stage.has_spoken,
        }
    }

    fn has_place(&self, number: u16, stage: Stage) -> bool {
        let (first, last) = self.places;
        let hello = u16::from(stage.is_retried);
        match self.kind {
            HELLO_VERIFY_REQUEST => number == 0 && !stage.is_retried && !stage.is_greeted,
            CLIENT_HELLO => number <= hello, // the first may come again
            _ => (hello + first..=hello + last).contains(&number),
        }
    }
}

/// What is to be read of a body: each of these is [`None`] where there is less.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        let bytes = self.take(bytes)?;
        Some(
            bytes
                .iter()
                .fold(0, |high, low| high << 8 | usize::from(*low)),
        )
    }

    /// What comes behind its length, which has this many bytes.
    fn vector(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let len = self.number(bytes)?;
        self.take(len)
    }

    /// The same, of something.
    fn filled(&mut self, bytes: usize) -> Option<&'a [u8]> {
        self.vector(bytes).filter(|vector| !vector.is_empty())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The extensions at a hello's end, by type.
fn extensions<'a>(mut body: Reader<'a>) -> Option<Vec<(usize, &'a [u8])>> {
    let mut extensions = Vec::new();
    if body.0.is_empty() {
        return Some(extensions);
    }
    let mut list = Reader(body.vector(2)?);
    while !list.0.is_empty() {
        extensions.push((list.number(2)?, list.vector(2)?));
    }
    body.end().map(|()| extensions)
}

fn client_hello(mut body: Reader<'_>) -> Option<()> {
    body.take(34)?;
    body.vector(1)?; // session
    body.vector(1)?; // cookie
    let suites = body.filled(2)?;
    body.filled(1)?; // compression
    extensions(body)?;
    suites.len().is_multiple_of(2).then_some(())
}

struct ServerHello<'a> {
    version: usize,
    is_retry: bool,
    suite: usize,
    compression: usize,
    extensions: Vec<(usize, &'a [u8])>,
}

impl<'a> ServerHello<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut body = Reader(body);
        let version = body.number(2)?;
        let is_retry = body.take(32)? == RETRY;
        body.vector(1).filter(|session| session.len() <= 32)?;
        Some(Self {
            version,
            is_retry,
            suite: body.number(2)?,
            compression: body.number(1)?,
            extensions: extensions(body)?,
        })
    }

    fn extension(&self, kind: usize) -> Option<&'a [u8]> {
        let found = self.extensions.iter().find(|extension| extension.0 == kind);
        found.map(|extension| extension.1)
    }

    /// Why dimpl would end the handshake at it, if it would.
    fn is_unacceptable(&self, stage: Stage, config: &Config) -> Option<&'static str> {
        const EXTENDED_MASTER_SECRET: usize = 23;
        const SUPPORTED_VERSIONS: usize = 43;
        const KEY_SHARE: usize = 51;
        if self.version != 0xfefd {
            return Some("it chose another version than DTLS 1.2 and 1.3");
        }
        if self.compression != 0 {
            return Some("it chose to compress");
        }
        let chose_13 = self.extension(SUPPORTED_VERSIONS) == Some(&[0xfe, 0xfc][..])
            && stage.version != Some(ProtocolVersion::DTLS1_2);
        if chose_13 {
            let mut known = config.dtls13_cipher_suites();
            return match known.any(|it| usize::from(it.suite().as_u16()) == self.suite) {
                false => Some("it chose a cipher suite that was not offered"),
                true if self.extension(KEY_SHARE).is_none() && !self.is_retry => {
                    Some("it has no key share")
                }
                true => None,
            };
        }
        let mut known = config.dtls12_cipher_suites();
        match known.any(|it| usize::from(it.suite().as_u16()) == self.suite) {
            _ if stage.version == Some(ProtocolVersion::DTLS1_3) => Some("it chose DTLS 1.2"),
            false => Some("it chose a cipher suite that was not offered"),
            true if self.extension(EXTENDED_MASTER_SECRET).is_none() => {
                Some("it does not agree to extended master secret (RFC 7627)")
            }
            true => None,
        }
    }
}

fn hello_verify_request(mut body: Reader<'_>) -> Option<()> {
    let version = body.take(2)?;
    body.filled(1)?;
    let is_known = [[0xfe, 0xff], [0xfe, 0xfd]]
        .iter()
        .any(|known| known == version);
    is_known.then_some(()).and_then(|()| body.end())
}

/// A client may have none, which is for dimpl to refuse.
fn certificates(mut body: Reader<'_>) -> Option<()> {
    const SEQUENCE: u8 = 0x30;
    let mut list = Reader(body.vector(3)?);
    while !list.0.is_empty() {
        list.vector(3).filter(|it| it.first() == Some(&SEQUENCE))?;
    }
    body.end()
}

fn server_key_exchange(mut body: Reader<'_>) -> Option<()> {
    const NAMED_CURVE: usize = 3;
    body.number(1).filter(|kind| *kind == NAMED_CURVE)?;
    body.number(2)?;
    body.filled(1)?;
    signed(body)
}

fn certificate_request(mut body: Reader<'_>) -> Option<()> {
    body.filled(1)?;
    body.filled(2)
        .filter(|algorithms| algorithms.len().is_multiple_of(2))?;
    let mut authorities = Reader(body.vector(2)?);
    while !authorities.0.is_empty() {
        authorities.vector(2)?;
    }
    body.end()
}

fn client_key_exchange(mut body: Reader<'_>) -> Option<()> {
    body.filled(1)?;
    body.end()
}

/// An algorithm and a signature.
fn signed(mut body: Reader<'_>) -> Option<()> {
    body.number(2)?;
    body.filled(2)?;
    body.end()
}
