//! Private copies: what is opened is what was vetted, and no one else can change it.
//!
//! A copy is named by the SHA-256 of its content, because `dlopen` answers a path it has seen with the
//! image it has: a replaced plugin needs another name, an unchanged one should be found again.
use std::env::consts::DLL_SUFFIX;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::descriptor::Descriptor;
use super::error::{Refusal, VetError};
use super::os;
use super::scratch::Scratch;
use super::vet::{self, Found, MAX_LIBRARY_BYTES};

/// The directory of one host's private copies; removed when dropped, which leaves loaded images intact.
#[derive(Debug)]
pub struct PrivateCopies {
    directory: Scratch,
}

/// A library ready to be opened. Valid as long as the [`PrivateCopies`] it came from.
#[derive(Clone, Debug)]
pub struct PrivateCopy {
    /// What to open.
    pub path: PathBuf,
    /// The SHA-256 of the content, in lower-case hexadecimal.
    pub sha256: String,
    /// The original's path, with id, version and flags as the copy has them.
    pub plugin: Found,
}

/// Why there is no private copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The library must not be used any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No place for private copies.
    #[error(
        "cannot make a private directory in {} ({error}): \
         set TMPDIR to a directory that this user may write to",
        directory.display()
    )]
    Directory {
        /// The temporary directory, or what was made in it.
        directory: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// The disk is full, for example.
    #[error(
        "cannot copy {} to {} ({error}): make room there, or set TMPDIR to another directory",
        file.display(),
        directory.display()
    )]
    Write {
        /// The library.
        file: PathBuf,
        /// Where its copy was to be.
        directory: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
}

impl PrivateCopies {
    /// Makes the directory, which no other user can enter, in the system's temporary one.
    ///
    /// # Errors
    /// [`CopyError::Directory`]
    pub fn new() -> Result<Self, CopyError> {
        let failed = |error| CopyError::Directory {
            directory: std::env::temp_dir(),
            error,
        };
        let directory = Scratch::new().map_err(failed)?;
        Ok(Self { directory })
    }

    /// Vets the library again and copies what was vetted. The same content gives the same path.
    ///
    /// # Errors
    /// The library is refused, or is another plugin by now, or there is no room for a copy.
    pub fn copy(&self, found: &Found) -> Result<PrivateCopy, CopyError> {
        let (original, _) = vet::open(&found.path)?;
        let (copy, sha256) = self.fill(&found.path, original)?;
        let plugin = read_again(found, copy.as_file())?;
        let path = self.directory.path().join(format!("{sha256}{DLL_SUFFIX}"));
        match copy.persist_noclobber(&path) {
            // Replacing an equal copy would make one plugin two images.
            Err(kept) if kept.error.kind() != io::ErrorKind::AlreadyExists => {
                Err(self.failed(&found.path, kept.error))
            }
            _ => Ok(PrivateCopy {
                path,
                sha256,
                plugin,
            }),
        }
    }

    fn fill(&self, name: &Path, original: File) -> Result<(NamedTempFile, String), CopyError> {
        let directory = self.directory.path();
        // Whoever tidies temporary directories may have removed it since.
        os::restore_private_directory(directory).map_err(|error| CopyError::Directory {
            directory: directory.to_owned(),
            error,
        })?;
        let fill = || {
            let mut copy = os::make_private_file(directory)?;
            let sha256 = copy_hashed(original, copy.as_file_mut())?;
            Ok((copy, sha256))
        };
        fill().map_err(|error| self.failed(name, error))
    }

    fn failed(&self, file: &Path, error: io::Error) -> CopyError {
        let directory = self.directory.path().to_owned();
        CopyError::Write {
            file: file.to_owned(),
            directory,
            error,
        }
    }
}

/// What was copied, by its own descriptor: a file overwritten in place keeps its owner and mode.
fn read_again(found: &Found, copy: &File) -> Result<Found, Refusal> {
    let refuse = |error| Refusal {
        file: found.path.clone(),
        error,
    };
    let copied = vet::found(&found.path, Descriptor::read(copy).map_err(refuse)?);
    if copied.id != found.id {
        return Err(refuse(VetError::Exchanged {
            expected: found.id.clone(),
            id: copied.id,
        }));
    }
    Ok(copied)
}

/// Copies all of `from`, from its start, and returns the SHA-256 of what was copied.
fn copy_hashed(mut from: File, to: &mut File) -> io::Result<String> {
    from.rewind()?;
    let mut from = from.take(MAX_LIBRARY_BYTES);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&buffer[..read]);
                to.write_all(&buffer[..read])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
