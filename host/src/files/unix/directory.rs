//! Directories by their descriptors: whatever becomes of their names, what is written is in them.
use super::walk::{self, Missing};
use super::{FLAGS, create_in};
use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, fchmod, fstat, mkdirat, openat, renameat, stat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A directory to write files into, held by its descriptor.
#[derive(Debug)]
pub struct Directory(OwnedFd);

impl Directory {
    /// Makes a directory and what leads there, or takes one of root's or of this user's that is there.
    ///
    /// # Errors
    /// The system's, or [`Unsafe`](crate::files::Unsafe).
    pub fn make(path: &Path) -> io::Result<Self> {
        let (within, name) = walk::to(path, Missing::Made)?;
        Self::make_in(&within, Path::new(&name), 0o755)
    }

    /// Makes a directory that only this user can enter, or takes one that is there.
    ///
    /// # Errors
    /// The system's; or it is a link, or another user's, or others can enter it.
    pub fn private(path: &Path) -> io::Result<Self> {
        let made = Self::make_in(CWD, path, 0o700)?;
        let stat = fstat(&made.0)?;
        match stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o077 == 0 {
            true => Ok(made),
            false => Err(io::Error::other("others can enter the one that is there")),
        }
    }

    fn make_in(within: impl AsFd, name: &Path, mode: u16) -> io::Result<Self> {
        match mkdirat(&within, name, Mode::from_raw_mode(mode.into())) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | FLAGS;
        let directory = openat(&within, name, flags, Mode::empty())?;
        super::check_owner(fstat(&directory)?.st_uid)?;
        Ok(Self(directory))
    }

    /// Whether the path still leads here.
    pub fn is_at(&self, path: &Path) -> bool {
        let (here, there) = (fstat(&self.0), stat(path));
        matches!((here, there), (Ok(here), Ok(there))
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino))
    }

    /// Whether nothing is in it.
    ///
    /// # Errors
    /// The system's.
    pub fn is_empty(&self) -> io::Result<bool> {
        for entry in Dir::read_from(&self.0)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets nobody but its owner put files into it (mode 0755).
    ///
    /// # Errors
    /// The system's.
    pub fn close_to_others(&self) -> io::Result<()> {
        Ok(fchmod(&self.0, Mode::from_raw_mode(0o755))?)
    }

    /// Takes a directory in this one, or makes it.
    ///
    /// # Errors
    /// As those of [`make`](Self::make).
    pub fn within(&self, name: &Path) -> io::Result<Self> {
        Self::make_in(&self.0, name, 0o755)
    }

    /// Makes a file to be written and read.
    ///
    /// # Errors
    /// The system's; there is something of that name, for example.
    pub fn create(&self, name: &str, mode: u16) -> io::Result<File> {
        create_in(&self.0, name, Mode::from_raw_mode(mode.into()))
    }

    /// Opens a file to be read.
    ///
    /// # Errors
    /// The system's; it is a link, for example.
    pub fn open(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | FLAGS;
        Ok(openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Gives a file another name, which another loses by that.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Puts a file that all may read in place of what has its name, be it a link.
    ///
    /// # Errors
    /// The system's.
    pub fn replace(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let new = format!(".{name}.new");
        // What one that was interrupted has left.
        let _ = self.remove(&new);
        let written = self
            .create(&new, 0o644)
            .and_then(|mut file| file.write_all(contents))
            .and_then(|()| self.rename(&new, name));
        if written.is_err() {
            let _ = self.remove(&new);
        }
        written
    }
}
