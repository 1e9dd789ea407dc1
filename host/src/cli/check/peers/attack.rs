//! What someone on the path does to one datagram of a handshake.
use crate::cli::check::forged::Forgery;
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
    /// All bits of the byte at this place are others.
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
            Self::Flipped(at) => {
                let mut changed = datagram.to_vec();
                let byte = changed.get_mut(at)?;
                *byte = !*byte;
                vec![changed]
            }
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
