//! What someone on the path does to one datagram of a handshake.
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
}

impl Change {
    /// Applies it; false if the datagram is too short for that.
    pub(super) fn apply(self, datagram: &mut Vec<u8>) -> bool {
        match self {
            Self::Withheld => datagram.clear(),
            Self::Flipped(at) => match datagram.get_mut(at) {
                Some(byte) => *byte = !*byte,
                None => return false,
            },
        }
        true
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld => write!(f, "withheld by the check"),
            Self::Flipped(at) => write!(f, "byte {at} changed by the check"),
        }
    }
}
