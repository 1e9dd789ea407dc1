//! A datagram on its way, changed.
use arbitrary::Arbitrary;

/// What becomes of a datagram.
#[derive(Arbitrary, Clone, Debug)]
pub struct Tamper {
    /// Bytes that change, each by its place.
    flips: Vec<(u16, u8)>,
    /// Where it is cut.
    cut: Option<u16>,
    /// Where in another datagram its new end is taken from.
    splice: Option<u16>,
    /// What is added.
    tail: Vec<u8>,
}

impl Tamper {
    /// The changed datagram; places beyond its end count from its beginning again.
    pub fn apply(&self, datagram: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = datagram.to_vec();
        for (place, value) in &self.flips {
            let len = changed.len().max(1);
            if let Some(byte) = changed.get_mut(usize::from(*place) % len) {
                *byte ^= value;
            }
        }
        if let Some(cut) = self.cut {
            changed.truncate(usize::from(cut) % (changed.len() + 1));
        }
        if let Some(splice) = self.splice {
            changed.extend(&other[usize::from(splice) % (other.len() + 1)..]);
        }
        changed.extend(&self.tail);
        changed
    }
}
