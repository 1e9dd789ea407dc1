//! What is read of a STUN message where it comes in, once, and handed on with it.
//!
//! Requests carry the receiver's ufrag; responses carry none and are found by
//! the transaction id of the request they answer.

use super::attributes::{USERNAME, attributes};

/// The 96 bits that tie a response to its request (RFC 8489 §5).
pub type TransactionId = [u8; 12];

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A datagram that has come, with what it is if it is STUN.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
    stun: Option<StunKind<'a>>,
}

impl<'a> Datagram<'a> {
    /// Looks at `bytes`, in which anything may stand.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            stun: stun_kind(bytes),
        }
    }

    /// All of it.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// What it is; `None` if it is not STUN.
    pub fn stun(self) -> Option<StunKind<'a>> {
        self.stun
    }
}

/// What a datagram that is STUN asks of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunKind<'a> {
    /// A request of any method.
    Request {
        /// To be repeated in the response.
        transaction: TransactionId,
        /// The part of USERNAME before the first `:`, which names the agent
        /// the request is for (RFC 8445 §7.2.2); `None` if there is none.
        local_ufrag: Option<&'a str>,
    },
    /// A success or error response.
    Response {
        /// That of the request it answers.
        transaction: TransactionId,
    },
    /// An indication: nobody answers, nobody waits for it.
    Indication,
}

/// Tells what `datagram` is, or `None` if it is not STUN: the first byte must be
/// 0 to 3 (RFC 7983), the magic cookie in place, and the length the datagram's.
///
/// Nothing is authenticated by this, and nothing is allocated.
pub fn stun_kind(datagram: &[u8]) -> Option<StunKind<'_>> {
    let (header, body) = datagram.split_at_checked(HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] > 3 || header[4..8] != MAGIC_COOKIE || length != body.len() {
        return None;
    }
    let transaction = header[8..HEADER].try_into().expect("twelve bytes are left");
    // The class is spread over two bits of the type (RFC 8489 §5).
    Some(match (header[0] & 1, header[1] & 0x10) {
        (0, 0) => StunKind::Request {
            transaction,
            local_ufrag: local_ufrag(datagram),
        },
        (0, _) => StunKind::Indication,
        _ => StunKind::Response { transaction },
    })
}

fn local_ufrag(message: &[u8]) -> Option<&str> {
    let username = attributes(message).find(|attribute| attribute.kind == USERNAME)?;
    let username = std::str::from_utf8(username.value).ok()?;
    Some(username.split_once(':')?.0)
}
