//! Maps by the ids that this process gives to streams: nobody else chooses them, and they need no keyed hash.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by a [`StreamKey`](super::keys::StreamKey), or a [`ComponentKey`](super::keys::ComponentKey).
pub(super) type IdMap<Id, T> = HashMap<Id, T, BuildHasherDefault<IdHasher>>;

/// Spreads numbers that follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

/// Odd, and without a pattern: 2⁶⁴ by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(FACTOR);
    }

    fn finish(&self) -> u64 {
        // A map uses the highest and the lowest bits; the latter depend on little.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::IdHasher;
    use std::collections::HashSet;
    use std::hash::{BuildHasher as _, BuildHasherDefault};

    #[test]
    fn the_components_of_many_streams_are_spread_over_a_map() {
        let hasher = BuildHasherDefault::<IdHasher>::default();
        let ids = (1_u64..=4096).flat_map(|stream| [(stream, 1_u16), (stream, 2)]);
        let hashes: Vec<u64> = ids.map(|id| hasher.hash_one(id)).collect();
        let buckets: HashSet<u64> = hashes.iter().map(|hash| hash % 8192).collect();
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        // Of as many buckets as there are ids, chance leaves 63 in 100 in use.
        assert!(buckets.len() > 4096, "{}", buckets.len());
        assert_eq!(tags.len(), 128);
    }
}
