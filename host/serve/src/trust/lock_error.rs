//! Why there is no lock.
use handclasp::printable;
use std::io;
use std::path::PathBuf;

/// Why a lock cannot be used; one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The file.
    #[error("{} cannot be read ({error}): `handclasp plugins lock` writes it", file.display())]
    Read {
        /// The lock.
        file: PathBuf,
        /// The system's reason, or whom else it belongs to.
        #[source]
        error: io::Error,
    },
    /// What is in it.
    #[error("{}:{line}: this is no list of plugins ({}): correct it, or write it anew with `handclasp plugins lock`", file.display(), printable(reason))]
    Contents {
        /// The lock.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
}

/// Why a lock is not written; one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written ({error}): name a file in a directory of root's or of this user's", file.display())]
pub struct NotWritten {
    /// The lock.
    pub file: PathBuf,
    /// The system's reason, or whom else the directory belongs to.
    #[source]
    pub error: io::Error,
}
