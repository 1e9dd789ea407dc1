//! Directories of this process that nothing outlives: not its end, not a signal, not even SIGKILL for long.
//!
//! Each holds a file that is locked for as long as its process lives. Where the lock is free the process is gone,
//! and the next one that needs a directory removes what it left.
use super::os;
use crate::files::Directory;
use crate::made_in::MadeIn;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// A directory in the system's temporary one that no other user can enter, or put another in place of; removed when
/// dropped, but for a process that was forked from the one that made it.
#[derive(Debug)]
pub struct Scratch {
    /// Held, and never read.
    _lock: File,
    directory: Directory,
    place: TempDir,
    made_in: MadeIn,
}

const PREFIX: &str = "handclasp-";
/// Whoever finds a directory without one leaves it alone for a while: its process is about to put it there.
const LOCK: &str = "lock";
/// That long.
const WHILE: Duration = Duration::from_secs(3600);

/// Directories, and the process that each was made in.
static LIVE: Mutex<Vec<(MadeIn, PathBuf)>> = Mutex::new(Vec::new());

impl Scratch {
    /// Makes the directory, and removes those of processes that were killed.
    ///
    /// # Errors
    /// The system's, such as a temporary directory that is not there or full; or others can change what is in that.
    pub fn new() -> io::Result<Self> {
        sweep();
        let place = os::make_private_directory(PREFIX)?;
        let directory = Directory::private(place.path())?;
        let lock = lock(&directory)?;
        let made_in = MadeIn::this_process();
        live().push((made_in, place.path().to_owned()));
        Ok(Self {
            _lock: lock,
            directory,
            place,
            made_in,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The directory itself. It is made again if something, as whoever tidies temporary directories, has removed it.
    pub(super) fn directory(&mut self) -> io::Result<&Directory> {
        if !self.directory.is_at(self.place.path()) {
            self.directory = Directory::private(self.place.path())?;
            self._lock = lock(&self.directory)?;
        }
        Ok(&self.directory)
    }

    /// Removes every directory of this process, which is about to end by a signal. Mapped libraries stay mapped.
    pub fn remove_all() {
        for (made_in, directory) in std::mem::take(&mut *live()) {
            if made_in.is_another_process() {
                continue;
            }
            // Again where another thread, or a child, puts a file into it meanwhile.
            let _ = (0..3).find(|_| fs::remove_dir_all(&directory).is_ok());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.made_in.is_another_process() {
            return self.place.disable_cleanup(true); // whose it is needs it
        }
        live().retain(|(_, path)| path != self.place.path());
    }
}

fn live() -> MutexGuard<'static, Vec<(MadeIn, PathBuf)>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that appears in the directory when it is locked already.
fn lock(directory: &Directory) -> io::Result<File> {
    const NEW: &str = "lock.new";
    let file = directory.create(NEW, 0o600)?;
    file.lock()?;
    directory.rename(NEW, LOCK)?;
    Ok(file)
}

/// Removes what killed processes of this user have left. What cannot be removed is left to the next.
pub(super) fn sweep() {
    // Where others can exchange what is there, it may be anybody's by the time that it is removed.
    let entries = os::temporary_directory().and_then(fs::read_dir);
    for entry in entries.into_iter().flatten().flatten() {
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
    match File::open(directory.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => is_old(directory),
        Err(_) => false,
    }
}

fn is_old(directory: &Path) -> bool {
    let modified = directory
        .symlink_metadata()
        .and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > WHILE))
}
