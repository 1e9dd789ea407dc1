//! Every file that the host writes is opened here, and so is what it reads to know whom to trust.
//!
//! What the host writes is its owner's alone. A file that is there is written to only if the user named it; a name
//! that was made from something else is a new file's. No link is followed that another user could have laid, and
//! nothing is emptied before it is written.
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

pub use system::Directory;
#[cfg(unix)]
pub(crate) use unix::is_trusted;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What becomes of what stands in a file that the user named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It stays, and others may append to the file as well.
    Append,
    /// It goes once there is something to write: see [`empty`]. Nobody else may write to the file.
    Replace,
}

/// Why a file or a directory that is there is left alone. Each text goes into brackets behind its name.
#[derive(Debug, thiserror::Error)]
pub enum Unsafe {
    /// A pipe, a device, a socket.
    #[error("it is no regular file")]
    NotRegular,
    /// It is neither root's nor this user's.
    #[error("it belongs to user {0}")]
    Owner(u32),
    /// Somebody else may read or change it.
    #[error("others may read or change it, as its mode is {0:04o}: run `chmod o-rwx` on it")]
    Mode(u32),
    /// Somebody else may change it.
    #[error("others may change it, as its mode is {0:04o}: run `chmod o-w` on it")]
    Writable(u32),
    /// Whoever gave it the other name may be somebody else.
    #[error("it has {0} names (hard links)")]
    Names(u64),
    /// A link on the way is neither root's nor this user's.
    #[error("the link {} on the way there belongs to user {owner}", link.display())]
    Link {
        /// As it was met.
        link: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// Two at once would mix what they write.
    #[error("something else is writing to it")]
    Taken,
}

impl From<Unsafe> for io::Error {
    fn from(error: Unsafe) -> Self {
        Self::new(ErrorKind::PermissionDenied, error)
    }
}

/// Opens a file that the user named, to be written. A new one is its owner's alone (mode 0600). One that is there must
/// be a regular file that belongs to root or to this user and that others cannot read or change. It stays as it is for
/// now.
///
/// # Errors
/// The system's, or [`Unsafe`].
pub fn open(path: &Path, how: Use) -> io::Result<File> {
    system::open(path, how)
}

/// Empties a file that [`open`] has opened to [`Use::Replace`], which is about to be written.
///
/// # Errors
/// The system's.
pub fn empty(file: &File) -> io::Result<()> {
    match file.metadata()?.len() {
        0 => Ok(()),
        _ => file.set_len(0),
    }
}

/// Most bytes of a file that is read at once.
const MAX_READ: usize = 16 << 20;

/// Reads a file that the user named and that decides whom the host trusts, or as whom it acts: certificates, a
/// password. It must belong to root or to this user, others must not be able to change it, and no link of another
/// user's may lead there. Something else than a regular file is read only if it is one of this process's own
/// descriptors, as `/dev/fd/3`.
///
/// # Errors
/// The system's, [`Unsafe`], or more than 16 MiB.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut contents = Zeroizing::new(Vec::new());
    let file = system::open_to_read(path)?;
    file.take(MAX_READ as u64 + 1).read_to_end(&mut contents)?;
    match contents.len() {
        ..=MAX_READ => Ok(contents),
        _ => Err(ErrorKind::FileTooLarge.into()),
    }
}

/// Makes a file under a name that the user has not given. It is its owner's alone (mode 0600).
///
/// # Errors
/// The system's; of [`ErrorKind::AlreadyExists`] if there is anything of that name, be it a link.
pub fn create(path: &Path) -> io::Result<File> {
    system::create(path)
}
