//! STUN messages that lead past the first look, and past authentication (RFC 8489).
use arbitrary::Arbitrary;
use is::{DefaultSha1HmacProvider, Sha1HmacProvider as _};

const HEADER: usize = 20;
const MESSAGE_INTEGRITY: u16 = 0x0008;
/// Bytes of MESSAGE-INTEGRITY, its head included.
const INTEGRITY_LEN: usize = 24;

/// The attributes that the host, its ICE core or its TURN client reads.
const KNOWN: [u16; 23] = [
    0x0001, 0x0006, 0x0007, 0x0008, 0x0009, 0x000a, 0x000c, 0x000d, 0x0012, 0x0013, 0x0014, 0x0015,
    0x0016, 0x0017, 0x001c, 0x0020, 0x0024, 0x0025, 0x8022, 0x8028, 0x8029, 0x802a, 0xc057,
];

/// A message from its parts.
#[derive(Arbitrary, Clone, Debug)]
pub struct Made<'a> {
    /// Class and method as in the first two bytes.
    pub kind: u16,
    /// All bytes of its transaction id; that of an overheard one if `None`.
    pub transaction: Option<u8>,
    /// An overheard USERNAME, before all others.
    pub username: bool,
    /// By their number among those known, or beyond.
    pub attributes: Vec<(u8, &'a [u8])>,
}

impl Made<'_> {
    /// Writes it out; `transaction` and `username` are the overheard ones.
    pub fn datagram(&self, transaction: [u8; 12], username: &str) -> Vec<u8> {
        let mut datagram = (self.kind & 0x3fff).to_be_bytes().to_vec();
        datagram.extend([0, 0, 0x21, 0x12, 0xa4, 0x42]);
        datagram.extend(self.transaction.map_or(transaction, |byte| [byte; 12]));
        if self.username {
            attribute(&mut datagram, 0x0006, username.as_bytes());
        }
        for (kind, value) in &self.attributes {
            let kind = KNOWN.get(usize::from(*kind)).copied();
            attribute(&mut datagram, kind.unwrap_or(0x7777), value);
        }
        set_len(&mut datagram);
        datagram
    }
}

fn attribute(datagram: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = &value[..value.len().min(1000)];
    datagram.extend(kind.to_be_bytes());
    datagram.extend((value.len() as u16).to_be_bytes());
    datagram.extend(value);
    datagram.resize(datagram.len().next_multiple_of(4), 0);
}

/// Says in the header how long the message is; more than fits is cut off.
fn set_len(datagram: &mut Vec<u8>) {
    datagram.truncate(HEADER + 0xfffc);
    let len = (datagram.len() - HEADER) as u16;
    datagram[2..4].copy_from_slice(&len.to_be_bytes());
}

/// Authenticates a message anew with a password or a long-term key, whatever stands in it: all from its
/// MESSAGE-INTEGRITY on makes way.
pub fn sign(datagram: &mut Vec<u8>, key: &[u8]) {
    if datagram.len() < HEADER {
        return;
    }
    datagram.truncate(integrity_at(datagram));
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram.truncate(HEADER + 0xfffc - INTEGRITY_LEN);
    let at = datagram.len();
    datagram.extend(MESSAGE_INTEGRITY.to_be_bytes());
    datagram.extend([0, 20]);
    datagram.extend([0; 20]);
    set_len(datagram);
    let code = DefaultSha1HmacProvider.sha1_hmac(key, &[&datagram[..at]]);
    datagram[at + 4..].copy_from_slice(&code);
}

fn integrity_at(datagram: &[u8]) -> usize {
    let mut at = HEADER;
    while let Some([k0, k1, l0, l1]) = datagram.get(at..at + 4) {
        if u16::from_be_bytes([*k0, *k1]) == MESSAGE_INTEGRITY {
            return at;
        }
        at += 4 + usize::from(u16::from_be_bytes([*l0, *l1])).next_multiple_of(4);
    }
    datagram.len()
}

/// Which of `passwords` authenticates a message.
pub fn password_of<'p>(datagram: &[u8], passwords: &'p [String]) -> Option<&'p String> {
    let message = is::stun::StunMessage::parse(datagram).ok()?;
    let code = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
    let fits = |password: &&String| message.verify(password.as_bytes(), code);
    passwords.iter().find(fits)
}
