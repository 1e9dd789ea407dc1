//! Whose each connection is.
use super::Key;
use crate::ice::{ACTIVE_PORT, Pair};
use crate::net::keys::ComponentKey;
use std::collections::HashMap;

/// The connections of each component, by their pairs: the newest last, and few.
#[derive(Debug, Default)]
pub(super) struct Owned(HashMap<ComponentKey, Vec<(Pair, usize)>>);

impl Owned {
    /// A pair's connection; the newest, where the peer has begun anew before the end of the last was seen.
    pub(super) fn find(&self, (component, pair): Key) -> Option<usize> {
        let mut newest_first = self.0.get(&component)?.iter().rev();
        let found = newest_first.find(|(of, _)| *of == pair);
        found.map(|(_, index)| *index)
    }

    /// How many connections a component has made.
    pub(super) fn made(&self, component: ComponentKey) -> usize {
        self.count(component, |pair| pair.local.port() == ACTIVE_PORT)
    }

    /// How many connections a component has accepted.
    pub(super) fn accepted(&self, component: ComponentKey) -> usize {
        self.count(component, |pair| pair.local.port() != ACTIVE_PORT)
    }

    fn count(&self, component: ComponentKey, counts: impl Fn(&Pair) -> bool) -> usize {
        let pairs = self.0.get(&component).into_iter().flatten();
        pairs.filter(|(pair, _)| counts(pair)).count()
    }

    /// All connections of a component.
    pub(super) fn of(&self, component: ComponentKey) -> Vec<usize> {
        let pairs = self.0.get(&component).into_iter().flatten();
        pairs.map(|(_, index)| *index).collect()
    }

    pub(super) fn insert(&mut self, (component, pair): Key, index: usize) {
        self.0.entry(component).or_default().push((pair, index));
    }

    pub(super) fn remove(&mut self, component: ComponentKey, index: usize) {
        if let Some(pairs) = self.0.get_mut(&component) {
            pairs.retain(|(_, of)| *of != index);
            if pairs.is_empty() {
                self.0.remove(&component);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Owned;
    use crate::ice::{ACTIVE_PORT, Pair};

    fn pair(port: u16) -> Pair {
        let at = |port| ([192, 0, 2, 1], port).into();
        Pair::tcp(at(port), at(5000))
    }

    #[test]
    fn each_component_has_its_own_connections() {
        let (one, other) = ((1, 1), (1, 2));
        let mut owned = Owned::default();
        owned.insert((one, pair(ACTIVE_PORT)), 10);
        owned.insert((one, pair(4000)), 11);
        owned.insert((one, pair(4001)), 12);
        owned.insert((other, pair(4000)), 13);
        assert_eq!((owned.made(one), owned.accepted(one)), (1, 2));
        assert_eq!((owned.made(other), owned.accepted(other)), (0, 1));
        assert_eq!(owned.find((one, pair(4000))), Some(11));
        assert_eq!(owned.find((other, pair(4000))), Some(13));
        assert_eq!(owned.find((other, pair(4001))), None);
        assert_eq!(owned.of(one), [10, 11, 12]);
        assert_eq!(owned.of(other), [13]);
        assert!(owned.of((2, 1)).is_empty());
    }

    #[test]
    fn the_end_of_a_connection_leaves_a_newer_one_of_its_pair() {
        let component = (1, 1);
        let mut owned = Owned::default();
        owned.insert((component, pair(4000)), 10);
        owned.insert((component, pair(4000)), 11);
        assert_eq!(owned.find((component, pair(4000))), Some(11));
        owned.remove(component, 10);
        assert_eq!(owned.find((component, pair(4000))), Some(11));
        owned.remove(component, 11);
        assert_eq!(owned.accepted(component), 0);
        assert!(owned.0.is_empty(), "nothing is left of it");
    }
}
