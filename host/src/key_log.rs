//! A key log: who reads it can read the sessions it is about.
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file of secrets in the NSS key log format (`SSLKEYLOGFILE`), a line for each.
#[derive(Debug)]
pub struct KeyLog {
    path: PathBuf,
    /// Gone once a line could not be written: the rest of it would spoil the next.
    file: Mutex<Option<File>>,
}

/// Why there is no key log.
#[derive(Debug, thiserror::Error)]
#[error("the key log {} cannot be opened ({error}): name a file that you may write to", path.display())]
pub struct KeyLogError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl KeyLog {
    /// Opens a file to append to. A new one is its owner's alone (mode 0600).
    ///
    /// # Errors
    /// It can be neither made nor appended to.
    pub fn open(path: &Path) -> Result<Self, KeyLogError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let path = path.to_owned();
        match options.open(&path) {
            Ok(file) => Ok(Self {
                path,
                file: Mutex::new(Some(file)),
            }),
            Err(error) => Err(KeyLogError { path, error }),
        }
    }

    /// Appends a line. The first failure is said in the log, and ends this one; sessions go on.
    pub(crate) fn append(&self, line: &str) {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &mut *guard else { return };
        // In one piece: other processes may append to the same file.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            let path = self.path.display();
            tracing::error!(
                "the key log {path} cannot be written ({error}): it gets no more lines, make room and start again"
            );
            *guard = None;
        }
    }
}
