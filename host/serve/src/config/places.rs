//! Where the keys of a section were given.
use super::wrong::Wrong;
use std::collections::BTreeMap;
use std::ops::Range;

/// Where the keys of one section were given, for rules that concern several of them.
#[derive(Debug)]
pub(super) struct Places {
    keys: BTreeMap<&'static str, Range<usize>>,
    section: Range<usize>,
    pub(super) wrong: Vec<(Option<&'static str>, Wrong)>,
}

impl Places {
    pub(super) fn new(section: Range<usize>) -> Self {
        Self {
            keys: BTreeMap::new(),
            section,
            wrong: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: &'static str, span: Range<usize>) {
        self.keys.insert(key, span);
    }

    /// Whether it was given, be it as it should be or not.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// What is wrong with a key that was given.
    pub(super) fn wrong(&mut self, key: &'static str, sentence: impl Into<String>) {
        let span = self.keys.get(key).unwrap_or(&self.section).clone();
        self.wrong.push((Some(key), Wrong::new(span, sentence)));
    }

    /// What is wrong with the section, in which something is missing.
    pub(super) fn lacking(&mut self, sentence: impl Into<String>) {
        let wrong = Wrong::new(self.section.clone(), sentence);
        self.wrong.push((None, wrong));
    }
}
