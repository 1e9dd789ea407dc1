//! Access as Windows has it: inherited from the directory a file is in, which by default only
//! administrators (program files) or the user (profile) can write to. The lists themselves are not read.
use std::ffi::c_void;
use std::fs::Metadata;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use libloading::os::windows::Library;
use tempfile::{Builder, NamedTempFile, TempDir};

use crate::plugin::error::VetError;

/// Accepts the file: see the module's documentation.
pub(in crate::plugin) fn check_file(_: &Metadata) -> Result<(), VetError> {
    Ok(())
}

/// Accepts the directory if it can be reached: see the module's documentation.
pub(in crate::plugin) fn check_directory(path: &Path) -> Result<(), VetError> {
    path.metadata().map(drop).map_err(VetError::Unreadable)
}

/// Where the user installs plugins.
pub(in crate::plugin) fn user_directory() -> Option<PathBuf> {
    below("LOCALAPPDATA")
}

/// Where the system installs plugins.
pub(in crate::plugin) fn system_directories() -> impl Iterator<Item = PathBuf> {
    below("ProgramFiles").into_iter()
}

fn below(variable: &str) -> Option<PathBuf> {
    let root = std::env::var_os(variable)?;
    Some(PathBuf::from(root).join(r"handclasp\plugins"))
}

/// Makes a directory in the user's own temporary one.
pub(in crate::plugin) fn make_private_directory(prefix: &str) -> io::Result<TempDir> {
    Builder::new().prefix(prefix).tempdir()
}

/// Whether this is a directory: the temporary one is the user's own.
pub(in crate::plugin) fn is_private_directory(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
}

/// Makes a directory of [`make_private_directory`] again if something removed it.
pub(in crate::plugin) fn restore_private_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Makes a file to be filled through what is returned.
pub(in crate::plugin) fn make_private_file(directory: &Path) -> io::Result<NamedTempFile> {
    Builder::new().tempfile_in(directory)
}

/// What tells that a file or a directory is not the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Stamp(u64, Option<SystemTime>);

/// Follows links; `None` where there is nothing.
pub(in crate::plugin) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some(Stamp(metadata.len(), metadata.modified().ok()))
}

/// Maps a library, never to unmap it. Returns the address of its descriptor.
///
/// # Safety
/// The library's initialisers run.
pub(in crate::plugin) unsafe fn open_for_ever(
    path: &Path,
) -> Result<*const c_void, libloading::Error> {
    // SAFETY: the caller's promise.
    let library = ManuallyDrop::new(unsafe { Library::new(path) }?);
    // SAFETY: an address is looked up and not used.
    let symbol = unsafe { library.get::<*const c_void>("handclasp_plugin") }?;
    Ok(symbol
        .into_raw()
        .map_or(std::ptr::null(), |symbol| symbol as *const c_void))
}
