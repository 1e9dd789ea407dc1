//! What a trace tells of a STUN message (RFC 8489, and RFC 8656 for TURN's methods).
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a STUN message is about. All of it stands in the message; nothing is authenticated by this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stun {
    /// Request, indication or response.
    pub class: StunClass,
    /// `binding`, one of TURN's, or the number in hexadecimal.
    pub method: String,
    /// The transaction id in hexadecimal: a response bears that of its request.
    pub transaction: String,
    /// Whether the pair is nominated by it (RFC 8445, section 7.1.2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub use_candidate: bool,
    /// Why an error response refuses, such as 487 for a role conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u16>,
}

/// The class of a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are the standard's
pub enum StunClass {
    Request,
    Indication,
    Success,
    Error,
}

const HEADER: usize = 20;
/// The password of RFC 3489's shared secrets.
const PASSWORD: u16 = 0x0007;
const ERROR_CODE: u16 = 0x0009;
/// What TURN relays for the application.
const DATA: u16 = 0x0013;
const USE_CANDIDATE: u16 = 0x0025;

impl Stun {
    /// Reads a datagram that is known to be STUN.
    pub(super) fn read(message: &[u8]) -> Self {
        let of_type = u16::from_be_bytes([message[0], message[1]]);
        let class = match (of_type >> 7 & 2) | (of_type >> 4 & 1) {
            0 => StunClass::Request,
            1 => StunClass::Indication,
            2 => StunClass::Success,
            _ => StunClass::Error,
        };
        let transaction = &message[8..HEADER];
        let mut stun = Self {
            class,
            method: method(of_type),
            transaction: transaction.iter().map(|b| format!("{b:02x}")).collect(),
            use_candidate: false,
            error_code: None,
        };
        for (attribute, value) in attributes(message) {
            match (attribute, &message[value]) {
                (USE_CANDIDATE, _) => stun.use_candidate = true,
                (ERROR_CODE, &[_, _, class, number, ..]) => {
                    stun.error_code = Some(u16::from(class & 7) * 100 + u16::from(number));
                }
                _ => {}
            }
        }
        stun
    }
}

/// The message with zeros for what is not the operator's to read. What protects its integrity is then about
/// the message as it was.
pub(super) fn without_secrets(message: &[u8]) -> Vec<u8> {
    let mut contents = message.to_vec();
    for (attribute, value) in attributes(message) {
        if matches!(attribute, DATA | PASSWORD) {
            contents[value].fill(0);
        }
    }
    contents
}

/// What TURN relays in it.
pub(super) fn data(message: &[u8]) -> Option<&[u8]> {
    let mut attributes = attributes(message);
    let (_, value) = attributes.find(|(attribute, _)| *attribute == DATA)?;
    Some(&message[value])
}

/// The twelve bits of the method stand around the two of the class.
fn method(of_type: u16) -> String {
    let method = of_type & 0x000f | of_type >> 1 & 0x0070 | of_type >> 2 & 0x0f80;
    let name = match method {
        1 => "binding",
        3 => "allocate",
        4 => "refresh",
        6 => "send",
        7 => "data",
        8 => "create_permission",
        9 => "channel_bind",
        _ => return format!("{method:#05x}"),
    };
    name.to_owned()
}

/// Each attribute, and where its value stands in the message. One that is longer than what is left ends them.
fn attributes(message: &[u8]) -> impl Iterator<Item = (u16, Range<usize>)> {
    let mut at = HEADER;
    std::iter::from_fn(move || {
        let head = message.get(at..at + 4)?;
        let start = at + 4;
        let end = start + usize::from(u16::from_be_bytes([head[2], head[3]]));
        message.get(start..end)?;
        at = end.next_multiple_of(4);
        Some((u16::from_be_bytes([head[0], head[1]]), start..end))
    })
}
