//! Which file is the plugin of an id.
use super::SearchPath;
use super::catalogue::FindError;
use super::os::{self, Stamp};
use super::vet::Found;
use std::path::{Path, PathBuf};

/// The file that was found for an id, and what tells that another would be found now.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) found: Found,
    /// What there is to say of the files it was chosen from.
    pub(super) sentence: Option<String>,
    /// The directories searched before it was found, the file itself and those it was chosen from, as they were.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

impl Choice {
    pub(super) fn new(path: &SearchPath, id: &str) -> Result<Self, FindError> {
        // Stamped before they are read: what changes in between is noticed the next time.
        let stamped = |path: &Path| (path.to_owned(), os::stamp(path));
        let mut seen: Vec<_> = path.directories().map(stamped).collect();
        let catalogue = path.scan();
        let found = catalogue.find(id)?;
        // What comes later on the search path does not matter: the first directory wins.
        let winner = seen
            .iter()
            .position(|(directory, _)| found.path.starts_with(directory));
        seen.truncate(winner.map_or(seen.len(), |index| index + 1));
        let same_id = [found].into_iter().chain(catalogue.passed_over(found));
        seen.extend(same_id.map(|found| stamped(&found.path)));
        Ok(Self {
            found: found.clone(),
            sentence: catalogue.choice(found),
            seen,
        })
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.seen
            .iter()
            .all(|(path, stamp)| os::stamp(path) == *stamp)
    }
}
