//! Makes records and messages that no peer has sent.
use fastrand::Rng;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const DATA: u8 = 23;
pub(super) const ACK: u8 = 26;

/// Far more than any handshake has: 16 MB less one byte.
pub(super) const HUGE: usize = 0xff_ffff;

/// What a forged datagram is made from.
pub(super) struct Forger<'a> {
    pub(super) rng: Rng,
    /// What has come to the victim from its peer.
    received: &'a [Vec<u8>],
    /// What the victim has sent.
    sent: &'a [Vec<u8>],
}

impl<'a> Forger<'a> {
    pub(super) fn new(received: &'a [Vec<u8>], sent: &'a [Vec<u8>], seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            received,
            sent,
        }
    }

    /// What the victim got last from its peer, if anything.
    pub(super) fn genuine(&self) -> Vec<u8> {
        self.received.last().cloned().unwrap_or_default()
    }

    /// What the victim itself sent, if anything.
    pub(super) fn reflected(&mut self) -> Vec<u8> {
        self.rng.choice(self.sent).cloned().unwrap_or_default()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.rng.u8(..)
    }

    /// Random bytes, this many or up to one less than the end.
    pub(super) fn bytes(&mut self, len: std::ops::Range<usize>) -> Vec<u8> {
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
    pub(super) fn record(&mut self, content_type: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let number = self.number();
        numbered(content_type, epoch, number, body)
    }

    /// A whole message in a record of its own, in plaintext.
    pub(super) fn message(&mut self, kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
        self.fragment(kind, number, body.len(), 0, body)
    }

    pub(super) fn fragment(
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
    pub(super) fn place(&mut self) -> u16 {
        self.rng.u16(..7)
    }

    /// A hello's beginning, with the random value of nobody.
    pub(super) fn hello(&mut self, version: u16) -> Vec<u8> {
        let mut hello = version.to_be_bytes().to_vec();
        hello.extend(self.bytes(32..33));
        hello
    }

    /// A ClientHello with these suites and extensions.
    pub(super) fn client_hello(
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
    pub(super) fn server_hello(
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

pub(super) fn numbered(content_type: u8, epoch: u16, number: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&number.to_be_bytes()[2..]);
    record.extend(vector16(body));
    record
}

pub(super) fn message(kind: u8, number: u16, length: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    let u24 = |value: usize| u32::try_from(value).expect("24 bits").to_be_bytes()[1..].to_vec();
    let mut message = vec![kind];
    message.extend(u24(length));
    message.extend(number.to_be_bytes());
    message.extend(u24(offset));
    message.extend(u24(body.len()));
    message.extend(body);
    message
}

pub(super) fn vector8(contents: &[u8]) -> Vec<u8> {
    let len = u8::try_from(contents.len()).expect("it is short");
    [&[len], contents].concat()
}

pub(super) fn vector16(contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len()).expect("it is short");
    [&len.to_be_bytes(), contents].concat()
}

pub(super) fn vector24(contents: &[u8]) -> Vec<u8> {
    let len = u32::try_from(contents.len())
        .expect("it is short")
        .to_be_bytes();
    [&len[1..], contents].concat()
}

pub(super) fn extension(kind: u16, contents: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(contents)].concat()
}
