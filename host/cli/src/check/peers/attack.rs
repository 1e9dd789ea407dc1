//! What someone on the path does to one datagram of a handshake.
use handclasp::trace::dtls_records;
use std::fmt;

/// One datagram, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attack {
    /// The side it is for.
    pub(crate) to: usize,
    /// How many have come to that side before it.
    pub(crate) number: u32,
    pub(crate) change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It does not arrive.
    Withheld,
    /// All bits of the byte at this place are others, if a handshake can cover it: signatures and certificates differ
    /// in length from run to run, so that the head of a record may stand there.
    Flipped(usize),
}

impl Change {
    /// Applies it; false if that is not possible.
    pub(super) fn apply(self, datagram: &mut Vec<u8>) -> bool {
        match self {
            Self::Withheld => datagram.clear(),
            Self::Flipped(at) if covered(datagram).contains(&at) => datagram[at] = !datagram[at],
            Self::Flipped(_) => return false,
        }
        true
    }
}

/// The bytes of a datagram that a handshake can cover: all but the heads of DTLS records that are not encrypted, which
/// RFC 6347 leaves out of the transcript.
pub(crate) fn covered(datagram: &[u8]) -> Vec<usize> {
    const HEAD: usize = 13;
    if dtls_records(datagram).is_none() {
        return (0..datagram.len()).collect();
    }
    let (mut covered, mut at) = (Vec::new(), 0);
    while let Some([20..=26, .., high, low]) = datagram.get(at..at + HEAD) {
        let body = at + HEAD;
        at = body + usize::from(u16::from_be_bytes([*high, *low]));
        covered.extend(body..at);
    }
    covered.extend(at..datagram.len()); // records of DTLS 1.3 authenticate their heads
    covered
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld => write!(f, "withheld by the check"),
            Self::Flipped(at) => write!(f, "byte {at} changed by the check"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An alert and what follows it: byte 13 is in the alert, byte 15 begins the next record.
    const TWO: [u8; 30] = [
        21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, //
        21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0,
    ];

    #[test]
    fn a_record_s_head_is_left_as_it_is() {
        for at in 0..TWO.len() + 1 {
            let mut datagram = TWO.to_vec();
            let is_body = [13, 14, 28, 29].contains(&at);
            assert_eq!(Change::Flipped(at).apply(&mut datagram), is_body, "{at}");
            assert_eq!(datagram != TWO, is_body, "{at}");
        }
    }
}
