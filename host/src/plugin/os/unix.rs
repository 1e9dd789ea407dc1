//! Owners and modes as POSIX has them.
use std::ffi::c_void;
use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use tempfile::{Builder, NamedTempFile, TempDir};

use crate::plugin::error::VetError;

const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In a directory: only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;

/// Refuses a file whose content someone other than root and the user of this process can change.
pub(in crate::plugin) fn check_file(metadata: &Metadata) -> Result<(), VetError> {
    let mode = metadata.mode() & 0o7777;
    if let Some(owner) = foreign_owner(metadata) {
        return Err(VetError::Owner { owner });
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(VetError::Writable { mode });
    }
    Ok(())
}

/// Refuses a directory in which someone other than root and the user of this process can put another file
/// in place of theirs.
pub(in crate::plugin) fn check_directory(path: &Path) -> Result<(), VetError> {
    let metadata = path.metadata().map_err(VetError::Unreadable)?;
    let mode = metadata.mode() & 0o7777;
    let directory = path.to_owned();
    if let Some(owner) = foreign_owner(&metadata) {
        return Err(VetError::DirectoryOwner { directory, owner });
    }
    if mode & WRITABLE_BY_OTHERS != 0 && mode & STICKY == 0 {
        return Err(VetError::DirectoryWritable { directory, mode });
    }
    Ok(())
}

fn foreign_owner(metadata: &Metadata) -> Option<u32> {
    // The effective user: whose rights the library would run with.
    let user = rustix::process::geteuid().as_raw();
    (!is_trusted(metadata.uid(), user)).then_some(metadata.uid())
}

fn is_trusted(owner: u32, user: u32) -> bool {
    owner == 0 || owner == user
}

/// Where the user installs plugins.
pub(in crate::plugin) fn user_directory() -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    home.map(|home| home.join(".local/lib/handclasp/plugins"))
}

/// Where the system installs plugins.
pub(in crate::plugin) fn system_directories() -> impl Iterator<Item = PathBuf> {
    let prefixes = ["/usr/local", "/usr"].into_iter().map(Path::new);
    prefixes.map(|prefix| prefix.join("lib/handclasp/plugins"))
}

/// Makes a directory that only this user can enter.
pub(in crate::plugin) fn make_private_directory(prefix: &str) -> io::Result<TempDir> {
    Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
}

/// Whether this is a directory of this very user's that no other can enter.
pub(in crate::plugin) fn is_private_directory(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0
    })
}

/// Makes a directory of [`make_private_directory`] again if something removed it.
pub(in crate::plugin) fn restore_private_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        // In a shared place the name may have been taken by someone else meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_directory(path).map_err(io::Error::other)
        }
        created => created,
    }
}

/// Makes a file that may be read and executed by this user, and written only through what is returned.
pub(in crate::plugin) fn make_private_file(directory: &Path) -> io::Result<NamedTempFile> {
    Builder::new()
        .permissions(Permissions::from_mode(0o500))
        .tempfile_in(directory)
}

/// What tells that a file or a directory is not the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Stamp([i64; 7]);

/// Follows links; `None` where there is nothing.
pub(in crate::plugin) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some(Stamp([
        metadata.dev() as i64,
        metadata.ino() as i64,
        metadata.size() as i64,
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]))
}

/// Maps a library, never to unmap it: thread-local destructors and thread keys of a library that is gone
/// crash the threads that outlive it. Returns the address of its descriptor.
///
/// # Safety
/// The library's constructors run.
pub(in crate::plugin) unsafe fn open_for_ever(
    path: &Path,
) -> Result<*const c_void, libloading::Error> {
    // As in the C library's headers of Linux, the BSDs and macOS; libloading does not name it.
    const RTLD_NODELETE: i32 = if cfg!(target_os = "linux") {
        0x1000
    } else {
        0x80
    };
    // SAFETY: the caller's promise.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }?;
    let library = ManuallyDrop::new(library);
    // SAFETY: an address is looked up and not used.
    let symbol = unsafe { library.get::<*const c_void>("handclasp_plugin") }?;
    Ok(symbol.into_raw())
}

#[cfg(test)]
mod tests {
    use super::is_trusted;

    #[test]
    fn root_and_the_user_are_trusted_and_no_one_else() {
        assert!(is_trusted(0, 1000) && is_trusted(1000, 1000) && is_trusted(0, 0));
        assert!(!is_trusted(1001, 1000) && !is_trusted(1000, 0));
    }
}
