//! Whether a library may be used at all, decided without loading it.
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::descriptor::Descriptor;
use super::elf::ORIGIN;
use super::os;
use super::vet_error::{MAX_LIBRARY_BYTES, Refusal, VetError};

/// A library that was vetted: where it is, and what its descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file as it was named, links unresolved.
    pub path: PathBuf,
    /// The plugin's id, unique among the plugins of a host.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// `HC_OWN_CLOCK`, `HC_NEEDS_SYSTEM`, and flags of later minor versions.
    pub flags: u32,
}

/// Vets one library: a regular file that nobody but root and this user can change or exchange, built for
/// this machine and this ABI. A symbolic link is followed, and both its ends are checked.
///
/// # Errors
/// The first thing found wrong with the file.
pub fn vet(path: &Path) -> Result<Found, Refusal> {
    open(path).map(|(_, found)| found)
}

/// [`vet`], and the open file that was vetted: what is read from it has no other owner or mode, whatever
/// the path leads to by then.
pub(super) fn open(path: &Path) -> Result<(File, Found), Refusal> {
    let refuse = |error| Refusal {
        file: path.to_owned(),
        error,
    };
    let file = open_checked(path).map_err(refuse)?;
    let descriptor =
        Descriptor::read(&file).map_err(|error| refuse(leave_neighbours(error, path)))?;
    let found = found(path, descriptor);
    Ok((file, found))
}

/// Of the libraries that one at `path` needs from its own place, leaves those that are there.
fn leave_neighbours(error: VetError, path: &Path) -> VetError {
    let VetError::OriginRelative { entry, mut needed } = error else {
        return error;
    };
    let origin = path.parent().unwrap_or(Path::new("")).to_string_lossy();
    let places = entry.split(':').map(|place| {
        let named = |place: String, name: &&str| place.replace(name, &origin);
        PathBuf::from(ORIGIN.iter().fold(place.to_owned(), named))
    });
    let places: Vec<PathBuf> = places.collect();
    needed.retain(|name| places.iter().any(|place| place.join(name).is_file()));
    VetError::OriginRelative { entry, needed }
}

/// Names the library at `path` by its descriptor.
pub(super) fn found(path: &Path, descriptor: Descriptor) -> Found {
    let Descriptor {
        id, version, flags, ..
    } = descriptor;
    Found {
        path: path.to_owned(),
        id,
        version,
        flags,
    }
}

fn open_checked(path: &Path) -> Result<File, VetError> {
    // Before opening it: a pipe would block, a device might act.
    check_regular(&fs::metadata(path).map_err(VetError::Unreadable)?)?;
    for directory in directories_of(path)? {
        os::check_directory(&directory)?;
    }
    let file = File::open(path).map_err(VetError::Unreadable)?;
    let metadata = file.metadata().map_err(VetError::Unreadable)?;
    check_regular(&metadata)?;
    os::check_file(&metadata)?;
    Ok(file)
}

fn check_regular(metadata: &fs::Metadata) -> Result<(), VetError> {
    let bytes = metadata.len();
    match metadata.is_file() {
        false => Err(VetError::NotRegular),
        true if bytes > MAX_LIBRARY_BYTES => Err(VetError::TooLarge { bytes }),
        true => Ok(()),
    }
}

/// Whose writers could put another file under this name: the directory that names it, and the one it is
/// in if the name is a link.
fn directories_of(path: &Path) -> Result<Vec<PathBuf>, VetError> {
    let named = std::path::absolute(path).map_err(VetError::Unreadable)?;
    let real = path.canonicalize().map_err(VetError::Unreadable)?;
    let mut directories: Vec<_> = [named, real]
        .iter()
        .filter_map(|path| path.parent().map(Path::to_owned))
        .collect();
    directories.dedup();
    Ok(directories)
}
