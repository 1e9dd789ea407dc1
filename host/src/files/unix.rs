//! Owners, modes and links as POSIX has them.
mod directory;
mod walk;

pub use directory::Directory;

use super::{Unsafe, Use};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use walk::Missing;

/// A new file's, its owner's alone.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How any file is opened: not through a link, without waiting for whoever is at the other end of a pipe.
const FLAGS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Makes a new file, and fails where there is anything of its name.
const NEW: OFlags = OFlags::CREATE.union(OFlags::EXCL);

pub(super) fn open(path: &Path, how: Use) -> io::Result<File> {
    let (directory, name) = walk::to(path, Missing::Fails)?;
    let (flags, lock) = match how {
        Use::Append => (
            OFlags::WRONLY | OFlags::APPEND,
            FlockOperation::NonBlockingLockShared,
        ),
        Use::Replace => (OFlags::WRONLY, FlockOperation::NonBlockingLockExclusive),
    };
    let flags = flags | FLAGS;
    let file = match openat(&directory, &*name, flags, Mode::empty()) {
        Err(Errno::NOENT) => openat(&directory, &*name, flags | NEW, PRIVATE)?.into(),
        Err(Errno::NXIO) => return Err(Unsafe::NotRegular.into()), // a pipe that nobody reads
        opened => {
            let file = File::from(opened?);
            check(&file)?;
            file
        }
    };
    match flock(&file, lock) {
        Err(Errno::WOULDBLOCK) => Err(Unsafe::Taken.into()),
        // Not every file system has locks.
        Ok(()) | Err(_) => Ok(file),
    }
}

pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    if is_own_descriptor(path) {
        return File::open(path);
    }
    let (directory, name) = walk::to(path, Missing::Fails)?;
    let file = File::from(openat(
        &directory,
        &*name,
        OFlags::RDONLY | FLAGS,
        Mode::empty(),
    )?);
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() {
        return Err(Unsafe::NotRegular.into());
    }
    check_owner(metadata.uid())?;
    match mode & Mode::WOTH.as_raw_mode() {
        0 => Ok(file),
        _ => Err(Unsafe::Writable(mode).into()),
    }
}

/// As a shell names what it has opened for a program it starts.
fn is_own_descriptor(path: &Path) -> bool {
    let parents = ["/dev/fd", "/proc/self/fd"].map(Path::new);
    path == Path::new("/dev/stdin") || path.parent().is_some_and(|it| parents.contains(&it))
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    let (directory, name) = walk::to_new(path)?;
    create_in(&directory, &*name, PRIVATE)
}

fn create_in(directory: impl AsFd, name: impl Arg, mode: Mode) -> io::Result<File> {
    let flags = OFlags::RDWR | NEW | FLAGS;
    Ok(openat(directory, name, flags, mode)?.into())
}

/// Refuses what somebody else has made, reads or changes.
fn check(file: &File) -> io::Result<()> {
    const OTHERS: u32 = 0o007;
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() {
        return Err(Unsafe::NotRegular.into());
    }
    check_owner(metadata.uid())?;
    if mode & OTHERS != 0 {
        return Err(Unsafe::Mode(mode).into());
    }
    match metadata.nlink() {
        0 | 1 => Ok(()),
        names => Err(Unsafe::Names(names).into()),
    }
}

fn check_owner(owner: u32) -> Result<(), Unsafe> {
    match is_trusted(owner) {
        true => Ok(()),
        false => Err(Unsafe::Owner(owner)),
    }
}

/// Whether what is this user's is as good as one's own: of root's, and of the user's with whose rights this process
/// acts.
pub(crate) fn is_trusted(owner: u32) -> bool {
    is_trusted_by(rustix::process::geteuid().as_raw(), owner)
}

fn is_trusted_by(user: u32, owner: u32) -> bool {
    owner == 0 || owner == user
}

#[cfg(test)]
mod tests {
    use super::is_trusted_by;

    #[test]
    fn root_and_the_user_are_trusted_and_no_one_else() {
        assert!(is_trusted_by(1000, 0) && is_trusted_by(1000, 1000) && is_trusted_by(0, 0));
        assert!(!is_trusted_by(1000, 1001) && !is_trusted_by(0, 1000));
    }
}
