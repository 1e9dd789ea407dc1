//! What someone on the path does to one datagram of a handshake.
use crate::check::forged::Forgery;
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
    /// A forged one comes before it.
    Preceded(Forgery),
    /// A forged one comes before its last record of DTLS, if it has several.
    Parted(Forgery),
}

impl Change {
    /// What comes in the datagram's place; nothing if this cannot be done to it. What has come to its side before and
    /// what that side has sent are what a forgery is made from.
    pub(super) fn apply(
        self,
        datagram: &[u8],
        received: &[Vec<u8>],
        sent: &[Vec<u8>],
    ) -> Option<Vec<Vec<u8>>> {
        let forge = |forgery: Forgery| {
            let forged = forgery.make(received, sent);
            (!forged.is_empty()).then_some(forged)
        };
        Some(match self {
            Self::Withheld => Vec::new(),
            Self::Flipped(at) if covered(datagram).contains(&at) => {
                let mut changed = datagram.to_vec();
                changed[at] = !changed[at];
                vec![changed]
            }
            Self::Flipped(_) => return None,
            Self::Preceded(forgery) => vec![forge(forgery)?, datagram.to_vec()],
            Self::Parted(forgery) => {
                let (before, last) = datagram.split_at(last_record(datagram)?);
                vec![before.to_vec(), forge(forgery)?, last.to_vec()]
            }
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld => write!(f, "withheld by the check"),
            Self::Flipped(at) => write!(f, "byte {at} changed by the check"),
            Self::Preceded(forgery) => write!(f, "forged by the check: {}", forgery.kind.name),
            Self::Parted(forgery) => write!(
                f,
                "parted by the check, and forged in between: {}",
                forgery.kind.name
            ),
        }
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
    while let Some(20..=26) = datagram.get(at)
        && let Some(length) = record_len(&datagram[at..])
    {
        covered.extend(at + HEAD..at + length);
        at += length;
    }
    covered.extend(at..datagram.len()); // records of DTLS 1.3 authenticate their heads
    covered
}

/// Where the last record of a datagram begins that has several and nothing else.
pub(crate) fn last_record(datagram: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (0, 0);
    while at < datagram.len() {
        last = at;
        at += record_len(&datagram[at..])?;
    }
    (last > 0 && at == datagram.len()).then_some(last)
}

/// Bytes of the first record (RFC 6347, section 4.1; RFC 9147, section 4, without connection ids).
fn record_len(datagram: &[u8]) -> Option<usize> {
    let length_at = match *datagram.first()? {
        first if first & 0xe0 != 0x20 => 11,
        first if first & 0x04 == 0 => return Some(datagram.len()),
        first if first & 0x08 != 0 => 3,
        _ => 2,
    };
    let (length, _) = datagram.get(length_at..)?.split_first_chunk()?;
    Some(length_at + 2 + usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two alerts: byte 13 is in the first, byte 15 begins the second.
    const TWO: [u8; 30] = [
        21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, //
        21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0,
    ];

    #[test]
    fn a_record_s_head_is_left_as_it_is() {
        for at in 0..TWO.len() + 1 {
            let changed = Change::Flipped(at).apply(&TWO, &[], &[]);
            let is_body = [13, 14, 28, 29].contains(&at);
            assert_eq!(changed.is_some_and(|it| it != [TWO]), is_body, "{at}");
        }
    }
}
