//! A plugin that does what it is told: `tests/fixtures/scripted.c`.
use crate::journal::Journal;
use crate::party::Party;
use crate::{fixture, load};

/// A script for one stream. All of its components play it, each from the beginning.
#[derive(Debug, Default)]
pub struct Scripted {
    defines: Vec<&'static str>,
    lines: Vec<(String, String)>,
}

impl Scripted {
    /// A plugin with `hc.timer/1` and `hc.close/1` that never finishes.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `PEER`, `EXPORT`, `CLASSIFY` or `INSPECT`, too.
    #[must_use]
    pub fn with(mut self, extension: &'static str) -> Self {
        self.defines.push(extension);
        self
    }

    /// What to do each time `call` comes; nothing once the lines are used up.
    #[must_use]
    pub fn on(mut self, call: &str, lines: &[&str]) -> Self {
        self.lines.push((call.to_owned(), lines.join("\n")));
        self
    }

    /// Whoever plays it, and the journal of what was called.
    pub fn party(self) -> (Party, Journal) {
        let journal = Journal::default();
        let path = journal.path().to_string_lossy().into_owned();
        let mut party = Party::new(load(&fixture("scripted", &self.defines)));
        party.options = self.lines;
        party.options.push(("journal".to_owned(), path));
        (party, journal)
    }
}
