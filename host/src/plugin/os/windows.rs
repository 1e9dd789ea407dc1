//! Access as Windows has it: inherited from the directory a file is in, which by default only
//! administrators (program files) or the user (profile) can write to. The lists themselves are not read.
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

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

/// Where the user and the system install plugins, in this order.
pub(in crate::plugin) fn installed_directories() -> Vec<PathBuf> {
    ["LOCALAPPDATA", "ProgramFiles"]
        .iter()
        .filter_map(std::env::var_os)
        .map(|root| PathBuf::from(root).join(r"handclasp\plugins"))
        .collect()
}

/// Makes a directory in the user's own temporary one.
pub(in crate::plugin) fn make_private_directory(prefix: &str) -> io::Result<TempDir> {
    Builder::new().prefix(prefix).tempdir()
}

/// Makes a directory of [`make_private_directory`] again if something removed it.
pub(in crate::plugin) fn restore_private_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Makes a file to be filled through what is returned.
pub(in crate::plugin) fn make_private_file(directory: &Path) -> io::Result<NamedTempFile> {
    Builder::new().tempfile_in(directory)
}
