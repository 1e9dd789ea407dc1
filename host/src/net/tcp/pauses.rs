//! How long a connection that ended is not made again.
use super::Key;
use crate::ice::Pair;
use crate::net::keys::ComponentKey;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

/// After the first end; doubles with each further one, up to `LONGEST`.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);

/// One for each pair of a component's whose connection has ended since it last carried something.
#[derive(Debug, Default)]
pub(super) struct Pauses(HashMap<ComponentKey, HashMap<Pair, Pause>>);

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Pauses {
    pub(super) fn is_over(&self, now: Instant, (component, pair): Key) -> bool {
        let pause = self.0.get(&component).and_then(|pairs| pairs.get(&pair));
        pause.is_none_or(|pause| now >= pause.until)
    }

    pub(super) fn begin(&mut self, now: Instant, (component, pair): Key) {
        let pairs = self.0.entry(component).or_default();
        let pause = pairs.entry(pair).or_insert(Pause {
            until: now,
            length: FIRST,
        });
        pause.until = now + pause.length;
        pause.length = LONGEST.min(2 * pause.length);
    }

    /// The connection works: the next end is a first one.
    pub(super) fn end(&mut self, (component, pair): Key) {
        if self.0.is_empty() {
            return;
        }
        if let Entry::Occupied(mut pairs) = self.0.entry(component) {
            pairs.get_mut().remove(&pair);
            if pairs.get().is_empty() {
                pairs.remove();
            }
        }
    }

    pub(super) fn forget(&mut self, component: ComponentKey) {
        self.0.remove(&component);
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LONGEST, Pauses};
    use crate::ice::Pair;
    use std::time::Instant;

    #[test]
    fn pauses_grow_until_something_was_carried() {
        let at = |port| ([192, 0, 2, 1], port).into();
        let key = ((1, 1), Pair::tcp(at(9), at(5000)));
        let (mut pauses, mut now) = (Pauses::default(), Instant::now());
        let mut length = FIRST;
        for _ in 0..10 {
            assert!(pauses.is_over(now, key));
            pauses.begin(now, key);
            assert!(!pauses.is_over(now + length / 2, key));
            now += length;
            length = LONGEST.min(2 * length);
        }
        pauses.end(key);
        pauses.begin(now, key);
        assert!(pauses.is_over(now + FIRST, key));
        pauses.forget((1, 1));
        assert!(pauses.is_over(now, key));
    }
}
