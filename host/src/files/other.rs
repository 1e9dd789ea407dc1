//! Where access is inherited from the directory: see the user's own.
use super::Use;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) fn open(path: &Path, how: Use) -> io::Result<File> {
    let mut options = File::options();
    match how {
        Use::Append => options.append(true),
        Use::Replace => options.write(true),
    };
    options.create(true).open(path)
}

pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    File::open(path)
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// A directory to write files into.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes a directory and what leads there, or takes one that is there.
    ///
    /// # Errors
    /// The system's.
    pub fn make(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// A directory that only this user can enter: the temporary one is the user's own.
    ///
    /// # Errors
    /// The system's.
    pub fn private(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Whether the path still leads here.
    pub fn is_at(&self, path: &Path) -> bool {
        path.is_dir()
    }

    /// Whether nothing is in it.
    ///
    /// # Errors
    /// The system's.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.0.read_dir()?.next().is_none())
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn close_to_others(&self) -> io::Result<()> {
        Ok(())
    }

    /// Takes a directory in this one, or makes it.
    ///
    /// # Errors
    /// The system's.
    pub fn within(&self, name: &Path) -> io::Result<Self> {
        Self::make(&self.0.join(name))
    }

    /// Makes a file to be written.
    ///
    /// # Errors
    /// The system's; there is one already, for example.
    pub fn create(&self, name: &str, _mode: u16) -> io::Result<File> {
        File::create_new(self.0.join(name))
    }

    /// Opens a file to be read.
    ///
    /// # Errors
    /// The system's.
    pub fn open(&self, name: &str) -> io::Result<File> {
        File::open(self.0.join(name))
    }

    /// Gives a file another name, which another loses by that.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Puts a file in place of what has its name.
    ///
    /// # Errors
    /// The system's.
    pub fn replace(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        File::create(self.0.join(name))?.write_all(contents)
    }
}
