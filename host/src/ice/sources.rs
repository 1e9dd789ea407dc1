//! The addresses at which the peer has proven itself: each has answered a check of ours.

use super::Source;

/// A bounded set, least recently used first.
#[derive(Debug)]
pub(super) struct Sources {
    sources: Vec<Source>,
    max: usize,
}

impl Sources {
    pub(super) fn new(max: usize) -> Self {
        Self {
            sources: Vec::new(),
            max: max.max(1),
        }
    }

    pub(super) fn contains(&self, source: Source) -> bool {
        self.sources.contains(&source)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Source> {
        self.sources.iter().copied()
    }

    /// Marks `source` as used now and tells whether it is new. To make room, the
    /// least recently used leaves, but never `keep`.
    pub(super) fn touch(&mut self, source: Source, keep: Option<Source>) -> bool {
        let known = self.sources.iter().position(|known| *known == source);
        if let Some(index) = known {
            self.sources[index..].rotate_left(1);
            return false;
        }
        if self.sources.len() == self.max {
            let oldest = self.sources.iter().position(|known| Some(*known) != keep);
            self.sources.remove(oldest.unwrap_or(0));
        }
        self.sources.push(source);
        true
    }
}
