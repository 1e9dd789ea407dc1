//! Somebody who sees every datagram, has no key, and sends in the peer's name.
use crate::pair::Pair;
use fastrand::Rng;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;
pub(crate) const ACK: u8 = 26;

/// Far more than any handshake has: 16 MB less one byte.
pub(crate) const HUGE: usize = 0xff_ffff;

/// What a forged datagram is made from.
pub(crate) struct Forger<'p> {
    pub(crate) rng: Rng,
    /// Whom it is for.
    pub(crate) to: usize,
    pair: &'p Pair,
}

impl<'p> Forger<'p> {
    pub(crate) fn new(pair: &'p Pair, to: usize, seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        Self { rng, to, pair }
    }

    /// What the victim got last from its peer, if anything.
    pub(crate) fn genuine(&self) -> Vec<u8> {
        let received = &self.pair.sides[self.to].received;
        received.last().cloned().unwrap_or_default()
    }

    /// What the victim itself sent.
    pub(crate) fn reflected(&mut self) -> Vec<u8> {
        let sent = &self.pair.sides[self.to].sent;
        match sent.is_empty() {
            true => Vec::new(),
            false => sent[self.rng.usize(..sent.len())].clone(),
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.rng.u8(..)
    }

    /// Random bytes, this many or up to one less than the end.
    pub(crate) fn bytes(&mut self, len: std::ops::Range<usize>) -> Vec<u8> {
        let len = self.rng.usize(len);
        (0..len).map(|_| self.rng.u8(..)).collect()
    }

    /// A record's number: near those of a handshake, or far from them.
    fn number(&mut self) -> u64 {
        match self.rng.u8(..4) {
            0 => self.rng.u64(..12),
            1 => self.rng.u64(..1000),
            2 => (1 << 48) - 1,
            _ => self.rng.u64(..1 << 48),
        }
    }

    /// A record of DTLS 1.2.
    pub(crate) fn record(&mut self, content_type: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let number = self.number();
        numbered(content_type, epoch, number, body)
    }

    /// A whole message in a record of its own, in plaintext.
    pub(crate) fn message(&mut self, kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
        self.fragment(kind, number, body.len(), 0, body)
    }

    pub(crate) fn fragment(
        &mut self,
        kind: u8,
        number: u16,
        length: usize,
        offset: usize,
        body: &[u8],
    ) -> Vec<u8> {
        let message = message(kind, number, length, offset, body);
        self.record(HANDSHAKE, 0, &message)
    }

    /// A number that a message of the peer's may have.
    pub(crate) fn place(&mut self) -> u16 {
        self.rng.u16(..7)
    }

    /// A hello's beginning, with the random value of nobody.
    pub(crate) fn hello(&mut self, version: u16) -> Vec<u8> {
        let mut hello = version.to_be_bytes().to_vec();
        hello.extend(self.bytes(32..33));
        hello
    }

    /// A ClientHello with these suites and extensions.
    pub(crate) fn client_hello(
        &mut self,
        version: u16,
        suites: &[u16],
        extensions: &[u8],
    ) -> Vec<u8> {
        let mut hello = self.hello(version);
        hello.extend([0, 0]); // no session, no cookie
        let suites: Vec<u8> = suites
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        hello.extend(vector16(&suites));
        hello.extend([1, 0]);
        hello.extend(vector16(extensions));
        hello
    }

    /// A ServerHello of DTLS 1.2 with this suite.
    pub(crate) fn server_hello(
        &mut self,
        suite: u16,
        compression: u8,
        extensions: &[u8],
    ) -> Vec<u8> {
        let mut hello = self.hello(0xfefd);
        hello.push(0);
        hello.extend(suite.to_be_bytes());
        hello.push(compression);
        hello.extend(vector16(extensions));
        hello
    }
}

pub(crate) fn numbered(content_type: u8, epoch: u16, number: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&number.to_be_bytes()[2..]);
    record.extend(vector16(body));
    record
}

pub(crate) fn message(kind: u8, number: u16, length: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    let u24 = |value: usize| u32::try_from(value).expect("24 bits").to_be_bytes()[1..].to_vec();
    let mut message = vec![kind];
    message.extend(u24(length));
    message.extend(number.to_be_bytes());
    message.extend(u24(offset));
    message.extend(u24(body.len()));
    message.extend(body);
    message
}

pub(crate) fn vector8(contents: &[u8]) -> Vec<u8> {
    let len = u8::try_from(contents.len()).expect("it is short");
    [&[len], contents].concat()
}

pub(crate) fn vector16(contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len()).expect("it is short");
    [&len.to_be_bytes(), contents].concat()
}

pub(crate) fn vector24(contents: &[u8]) -> Vec<u8> {
    let len = u32::try_from(contents.len())
        .expect("it is short")
        .to_be_bytes();
    [&len[1..], contents].concat()
}

pub(crate) fn extension(kind: u16, contents: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(contents)].concat()
}
