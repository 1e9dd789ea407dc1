//! All that is wrong with a file.
use handclasp::printable;
use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

/// One thing that is wrong: the file and the place in it, the key, and a sentence with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Its line and column, from 1, the latter in characters; `None` if no place in it is wrong.
    pub place: Option<(NonZero<usize>, NonZero<usize>)>,
    /// The key with its tables before it, such as `listen.port`; `None` if it is not about one.
    pub key: Option<String>,
    /// What is wrong, and what to do.
    pub sentence: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {}", printable(key))?;
        }
        write!(f, ": {}", printable(&self.sentence))
    }
}

/// All that is wrong with a file, in the order of its places: at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    left_out: usize,
}

/// Most errors that are kept.
const MOST: usize = 100;

impl ConfigErrors {
    /// Of these, and so many more that are not kept; `None` if nothing is wrong.
    pub(super) fn new(mut errors: Vec<ConfigError>, more: usize) -> Option<Self> {
        errors.sort_by_key(|error| error.place);
        errors.dedup();
        let left_out = more + errors.len().saturating_sub(MOST);
        errors.truncate(MOST);
        (!errors.is_empty()).then_some(Self { errors, left_out })
    }

    /// Each, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }

    /// How many more there are.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self {
            errors: vec![error],
            left_out: 0,
        }
    }
}

/// A line for each.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}{error}")?;
        }
        match self.left_out {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigErrors {}
