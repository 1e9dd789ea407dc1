//! The attributes of a STUN message, as they lie in a datagram (RFC 8489 §14).

use stun_proto::types::attribute::Fingerprint;

const HEADER: usize = 20;

pub(super) const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const FINGERPRINT: u16 = 0x8028;
/// What tells FINGERPRINT from another CRC-32 of the same bytes (RFC 8489 §14.7).
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Types from here on may be ignored by who does not know them (RFC 8489 §14).
const OPTIONAL: u16 = 0x8000;

/// The types below [`OPTIONAL`] that RFC 8489 and RFC 8445 define.
const KNOWN: [u16; 13] = [
    0x0001, // MAPPED-ADDRESS
    USERNAME,
    MESSAGE_INTEGRITY,
    0x0009, // ERROR-CODE
    0x000a, // UNKNOWN-ATTRIBUTES
    0x0014, // REALM
    0x0015, // NONCE
    MESSAGE_INTEGRITY_SHA256,
    0x001d, // PASSWORD-ALGORITHM
    0x001e, // USERHASH
    XOR_MAPPED_ADDRESS,
    0x0024, // PRIORITY
    0x0025, // USE-CANDIDATE
];

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u16,
    /// Where it begins in the message.
    offset: usize,
    pub(super) value: &'a [u8],
}

/// Those of `message`, which begins with a header, up to the first that does not fit.
pub(super) fn attributes(message: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let mut next = HEADER;
    std::iter::from_fn(move || {
        let offset = next;
        let (head, rest) = message.get(offset..)?.split_at_checked(4)?;
        let [kind, length] = [0, 2].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
        let value = rest.get(..usize::from(length))?;
        next += 4 + value.len().next_multiple_of(4);
        Some(Attribute {
            kind,
            offset,
            value,
        })
    })
}

/// Those that integrity covers: all that follow MESSAGE-INTEGRITY are to be ignored (RFC 8489 §14.5).
pub(super) fn covered(message: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let covers = |attribute: &Attribute<'_>| {
        [MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256].contains(&attribute.kind)
    };
    attributes(message).take_while(move |attribute| !covers(attribute))
}

/// Whether `message` has a FINGERPRINT that is not the last attribute, or not its own (RFC 8489 §7.3).
pub(super) fn has_wrong_fingerprint(message: &[u8]) -> bool {
    let Some(fingerprint) = attributes(message).find(|attribute| attribute.kind == FINGERPRINT)
    else {
        return false;
    };
    let before = &message[..fingerprint.offset];
    let is_last = message.len() == fingerprint.offset + 4 + 4;
    let sum = u32::from_be_bytes(Fingerprint::compute(&[before])) ^ FINGERPRINT_MASK;
    !is_last || fingerprint.value != sum.to_be_bytes()
}

/// Whether `message` tells the address that it answers.
pub(super) fn has_mapped_address(message: &[u8]) -> bool {
    covered(message).any(|attribute| attribute.kind == XOR_MAPPED_ADDRESS)
}

/// The types of those that a receiver must understand, and this one does not.
pub(super) fn unknown(message: &[u8]) -> Vec<u16> {
    let kinds = covered(message).map(|attribute| attribute.kind);
    kinds
        .filter(|kind| *kind < OPTIONAL && !KNOWN.contains(kind))
        .collect()
}
