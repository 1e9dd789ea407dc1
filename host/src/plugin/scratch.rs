//! Directories of this process that nothing outlives: not its end, not a signal, not even SIGKILL for long.
//!
//! Each holds a file that is locked for as long as its process lives. Where the lock is free the process is gone,
//! and the next one that needs a directory removes what it left.
use super::os;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// A directory in the system's temporary one that no other user can enter; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    _lock: File,
    directory: TempDir,
}

const PREFIX: &str = "handclasp-";
/// Whoever finds a directory without one leaves it alone: its process is about to put it there.
const LOCK: &str = "lock";

/// The directories of this process.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl Scratch {
    /// Makes the directory, and removes those of processes that were killed.
    ///
    /// # Errors
    /// The system's, such as a temporary directory that is not there or full.
    pub fn new() -> io::Result<Self> {
        sweep();
        let directory = os::make_private_directory(PREFIX)?;
        let lock = lock(directory.path())?;
        live().push(directory.path().to_owned());
        Ok(Self {
            _lock: lock,
            directory,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes every directory of this process, which is about to end by a signal. Mapped libraries stay mapped.
    pub fn remove_all() {
        for directory in std::mem::take(&mut *live()) {
            // Again where another thread, or a child, puts a file into it meanwhile.
            let _ = (0..3).find(|_| fs::remove_dir_all(&directory).is_ok());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        live().retain(|path| path != self.directory.path());
    }
}

fn live() -> MutexGuard<'static, Vec<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that appears in the directory when it is locked already.
fn lock(directory: &Path) -> io::Result<File> {
    let new = directory.join("lock.new");
    let file = File::create_new(&new)?;
    file.lock()?;
    fs::rename(new, directory.join(LOCK))?;
    Ok(file)
}

/// Removes what killed processes of this user have left. What cannot be removed is left to the next.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    for entry in entries.flatten() {
        let is_ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        if is_ours && os::is_private_directory(&entry.path()) && is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(directory: &Path) -> bool {
    File::open(directory.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}
