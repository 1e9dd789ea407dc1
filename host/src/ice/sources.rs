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

    /// Marks `source` as used now. To make room for a new one, the least recently used leaves, but never `keep`.
    pub(super) fn touch(&mut self, source: Source, keep: Option<Source>) -> Touched {
        let known = self.sources.iter().position(|known| *known == source);
        if let Some(index) = known {
            self.sources[index..].rotate_left(1);
            return Touched::Known;
        }
        let is_full = self.sources.len() == self.max;
        let left = is_full.then(|| {
            let oldest = self.sources.iter().position(|known| Some(*known) != keep);
            self.sources.remove(oldest.unwrap_or(0))
        });
        self.sources.push(source);
        Touched::New { left }
    }
}

/// What marking a source has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched {
    /// Nothing but the order.
    Known,
    /// It is one more, and another may have left for it.
    New { left: Option<Source> },
}
