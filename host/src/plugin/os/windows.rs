//! Access as Windows has it: inherited from the directory a file is in, which by default only
//! administrators (program files) or the user (profile) can write to. The lists themselves are not read.
use std::ffi::c_void;
use std::fs::Metadata;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use libloading::os::windows::Library;
use tempfile::{Builder, TempDir};

use crate::plugin::vet_error::VetError;

/// Accepts the file: see the module's documentation.
pub(in crate::plugin) fn check_file(_: &Metadata) -> Result<(), VetError> {
    Ok(())
}

/// Accepts the directory if it can be reached: see the module's documentation.
pub(in crate::plugin) fn check_directory(path: &Path) -> Result<(), VetError> {
    path.metadata().map(drop).map_err(VetError::Unreadable)
}

/// Does nothing: a child whose parent has ended goes on to its own end.
pub fn end_with_parent() {}

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

/// The user's own.
pub(in crate::plugin) fn temporary_directory() -> io::Result<PathBuf> {
    Ok(std::env::temp_dir())
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

/// The system ends all other threads before a library hears of the end: nothing is to be done.
pub(in crate::plugin) fn at_exit(_end: extern "C" fn()) {}

/// Not asked here.
pub(in crate::plugin) fn is_main_thread() -> bool {
    false
}

/// What tells that a file or a directory is not the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Stamp(u64, Option<SystemTime>);

/// Follows links; `None` where there is nothing.
pub(in crate::plugin) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some(Stamp(metadata.len(), metadata.modified().ok()))
}

/// Nobody can open a file to write that another process maps or reads without sharing it.
pub(in crate::plugin) fn is_being_written(_: &Path) -> bool {
    false
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

/// Nothing: a process has no signals here.
pub(in crate::plugin) struct SignalActions;

impl SignalActions {
    /// Does nothing.
    pub(in crate::plugin) fn note() -> Self {
        Self
    }

    /// Does nothing.
    pub(in crate::plugin) fn restore(self) {}
}

/// Nothing: a library has handles of its own.
pub(in crate::plugin) struct StandardDescriptors;

impl StandardDescriptors {
    /// Does nothing.
    pub(in crate::plugin) fn note() -> Self {
        Self
    }

    /// Does nothing.
    pub(in crate::plugin) fn restore(&self) {}
}
