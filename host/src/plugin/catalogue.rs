//! What is in the directories of a search path.
use std::cmp::Ordering;
use std::env::consts::DLL_EXTENSION;
use std::path::{Path, PathBuf};
use std::{fs, io, mem};

use super::search::NamedBy;
use super::version;
use super::vet::{Found, vet};
use super::vet_error::Refusal;
use crate::shortened::shortened;
use crate::similar::similar;

/// Every library of a search path.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Those that can be used: one for each id, in the order of the search path.
    pub plugins: Vec<Found>,
    /// Those of an id that an earlier directory has too, or a higher version or newer file in theirs.
    pub shadowed: Vec<Found>,
    /// Those that must not be used.
    pub refused: Vec<Refusal>,
    /// The directories looked in, or for.
    pub searched: Vec<PathBuf>,
}

/// Why a plugin is not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// A directory that was named is not there.
    #[error(
        "cannot look for plugins in {} ({error}): make the directory, or correct {named_by}",
        shortened(&directory.to_string_lossy())
    )]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Where it is named.
        named_by: NamedBy,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// No library at all.
    #[error(
        "no plugin in {}: put a .{DLL_EXTENSION} there; those that come with Handclasp are built by `make plugins`, and \
         installed with the host by `make install`",
        list(searched)
    )]
    Empty {
        /// The directories looked in, or for.
        searched: Vec<PathBuf>,
    },
    /// Libraries, but none that can be used.
    #[error("{} in {} can be used: {first}", none_of(*count), list(searched))]
    AllRefused {
        /// How many files were refused.
        count: usize,
        /// One of them.
        first: String,
        /// The directories looked in, or for.
        searched: Vec<PathBuf>,
    },
    /// Plugins, but not this one.
    #[error(
        "no plugin `{id}`{}{}",
        instead(id, available, searched),
        also_refused(*refused)
    )]
    Unknown {
        /// The id looked for, or how it begins.
        id: String,
        /// The ids there are.
        available: Vec<String>,
        /// How many files were refused, of which one might be it.
        refused: usize,
        /// The directories looked in, or for.
        searched: Vec<PathBuf>,
    },
}

impl Catalogue {
    /// The plugin called `id`.
    ///
    /// # Errors
    /// What there is instead, and where it was looked for.
    pub fn find(&self, id: &str) -> Result<&Found, FindError> {
        self.plugins
            .iter()
            .find(|plugin| plugin.id == id)
            .ok_or_else(|| self.missing(id))
    }

    /// The others that `found` was chosen from: those of its id in its directory.
    pub(super) fn passed_over(&self, found: &Found) -> impl Iterator<Item = &Found> {
        let directory = found.path.parent();
        (self.shadowed.iter())
            .filter(move |other| other.id == found.id && other.path.parent() == directory)
    }

    /// One sentence for whoever uses `found`, if there was a choice.
    pub(super) fn choice(&self, found: &Found) -> Option<String> {
        let others: Vec<_> = self.passed_over(found).collect();
        let is_level = |other: &&Found| version::compare(&other.version, &found.version).is_eq();
        let by = match others.as_slice() {
            [] => return None,
            others if others.iter().any(is_level) => "the newest file of the highest version",
            _ => "the highest version",
        };
        let named = |found: &Found| format!("{} ({})", found.path.display(), found.version);
        let others: Vec<_> = others.into_iter().map(named).collect();
        let (used, id) = (named(found), &found.id);
        Some(format!(
            "plugin {id}: {used} is used, {by}, and not {}: remove what is not meant from that directory",
            others.join(", ")
        ))
    }

    fn missing(&self, id: &str) -> FindError {
        let searched = self.searched.clone();
        match (self.plugins.as_slice(), self.refused.as_slice()) {
            ([], []) => FindError::Empty { searched },
            ([], [first, ..]) => FindError::AllRefused {
                count: self.refused.len(),
                first: first.to_string(),
                searched,
            },
            (plugins, refused) => FindError::Unknown {
                id: shortened(id).into_owned(),
                available: plugins.iter().map(|plugin| plugin.id.clone()).collect(),
                refused: refused.len(),
                searched,
            },
        }
    }

    /// Vets `file` and takes it, unless its id is taken: by an earlier directory, or by a better one of its own.
    pub(super) fn add(&mut self, file: &Path) {
        let found = match vet(file) {
            Ok(found) => found,
            Err(refusal) => return self.refused.push(refusal),
        };
        let same_id = self.plugins.iter_mut().find(|plugin| plugin.id == found.id);
        match same_id {
            None => self.plugins.push(found),
            Some(used) if used.path.parent() == file.parent() && found.supersedes(used) => {
                self.shadowed.push(mem::replace(used, found));
            }
            Some(_) => self.shadowed.push(found),
        }
    }
}

impl Found {
    /// Whether it is of a higher version, or of the same and a newer file.
    fn supersedes(&self, other: &Self) -> bool {
        let modified = |found: &Self| {
            fs::metadata(&found.path)
                .and_then(|file| file.modified())
                .ok()
        };
        match version::compare(&self.version, &other.version) {
            Ordering::Equal => modified(self) > modified(other),
            unequal => unequal.is_gt(),
        }
    }
}

fn list(directories: &[PathBuf]) -> String {
    let names: Vec<_> = directories
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    names.join(", ")
}

/// What was probably meant; else where it was looked for, and all there is.
fn instead(id: &str, available: &[String], searched: &[PathBuf]) -> String {
    if let Some(meant) = similar(available.iter().map(String::as_str), id) {
        return format!(": did you mean `{meant}`?");
    }
    let are = if available.len() == 1 { "is" } else { "are" };
    let there = available.join("`, `");
    format!(" in {}: there {are} `{there}`", list(searched))
}

fn none_of(count: usize) -> String {
    match count {
        1 => "no plugin".to_owned(),
        count => format!("none of the {count} plugins"),
    }
}

fn also_refused(files: usize) -> String {
    match files {
        0 => String::new(),
        files => format!("; refused: {files} (`handclasp plugins list` says why)"),
    }
}
