//! Private copies: what is opened is what was vetted, and no one else can change it.
//!
//! A copy is a sealed file in memory where the system has such, else a file in a directory of this process, named by
//! the SHA-256 of its content: `dlopen` answers a path it has seen with the image it has, so a replaced plugin needs
//! another name, and an unchanged one should be found again.
use std::env::consts::DLL_SUFFIX;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::descriptor::Descriptor;
use super::os;
use super::scratch::{self, Scratch};
#[cfg(target_os = "linux")]
use super::sealed::{self, Sealed};
use super::vet::{self, Found};
use super::vet_error::{MAX_LIBRARY_BYTES, Refusal, VetError};
use crate::files;

/// Where one host's private copies are. What is on disk is removed when this and all its copies are dropped, which
/// leaves loaded images intact.
#[derive(Clone, Debug)]
pub struct PrivateCopies {
    directory: Arc<Directory>,
    in_memory: bool,
}

/// Made when it is needed.
type Directory = Mutex<Option<Scratch>>;

/// A library ready to be opened.
#[derive(Clone, Debug)]
pub struct PrivateCopy {
    backing: Backing,
    /// Where it may be put on disk.
    directory: Option<Arc<Directory>>,
    sha256: String,
    plugin: Found,
    sanitizer: Option<String>,
}

#[derive(Clone, Debug)]
enum Backing {
    #[cfg(target_os = "linux")]
    Memory(Arc<Sealed>),
    Disk(PathBuf),
}

impl Backing {
    fn path(&self) -> &Path {
        match self {
            #[cfg(target_os = "linux")]
            Self::Memory(sealed) => sealed.path(),
            Self::Disk(path) => path,
        }
    }
}

/// Why there is no private copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The library must not be used any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No place for private copies.
    #[error(
        "cannot make a private directory in {} ({error}): \
         set TMPDIR to a directory that this user may write to, and no other",
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
    /// In memory where the system has sealed files there, else on disk. Removes what processes that were killed have
    /// left on disk.
    pub fn new() -> Self {
        scratch::sweep();
        Self {
            directory: Arc::default(),
            in_memory: cfg!(target_os = "linux"),
        }
    }

    /// In a directory of the system's temporary one, which no other user can enter: for those who look into the copy,
    /// as debuggers do.
    pub fn on_disk() -> Self {
        Self {
            in_memory: false,
            ..Self::new()
        }
    }

    /// Vets the library again and copies what was vetted.
    ///
    /// # Errors
    /// The library is refused, or is another plugin by now, or there is no room for a copy.
    pub fn copy(&self, found: &Found) -> Result<PrivateCopy, CopyError> {
        let (mut original, _) = vet::open(&found.path)?;
        #[cfg(target_os = "linux")]
        if self.in_memory
            && let Ok((copy, sha256)) = in_memory(&found.id, &mut original)
        {
            return self.finish(found, Backing::Memory(Arc::new(copy)), sha256);
        }
        let (path, sha256) = on_disk(&self.directory, &found.path, &mut original)?;
        self.finish(found, Backing::Disk(path), sha256)
    }

    /// Reads once more what was copied: a file overwritten in place keeps its owner and mode.
    fn finish(
        &self,
        found: &Found,
        backing: Backing,
        sha256: String,
    ) -> Result<PrivateCopy, CopyError> {
        let refuse = |error| Refusal {
            file: found.path.clone(),
            error,
        };
        let copy = File::open(backing.path())
            .map_err(VetError::Unreadable)
            .map_err(refuse)?;
        let mut descriptor = Descriptor::read(copy).map_err(refuse)?;
        let sanitizer = descriptor.sanitizer.take();
        let plugin = vet::found(&found.path, descriptor);
        if plugin.id != found.id {
            let (expected, id) = (found.id.clone(), plugin.id);
            return Err(refuse(VetError::Exchanged { expected, id }).into());
        }
        Ok(PrivateCopy {
            backing,
            directory: Some(Arc::clone(&self.directory)),
            sha256,
            plugin,
            sanitizer,
        })
    }
}

impl Default for PrivateCopies {
    fn default() -> Self {
        Self::new()
    }
}

impl PrivateCopy {
    /// Where it can be read, for as long as this value or a clone of it lives.
    pub fn path(&self) -> &Path {
        self.backing.path()
    }

    /// The SHA-256 of the content, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The original's path, with id, version and flags as the copy has them.
    pub fn plugin(&self) -> &Found {
        &self.plugin
    }

    /// The runtime of a sanitizer that the library was built with, which must be in a process from its start.
    pub(super) fn sanitizer(&self) -> Option<&str> {
        self.sanitizer.as_deref()
    }

    /// The library in `file`, which is the copy of another process: named `name`, and to be mapped from `path`, where the
    /// same must be, if not from the descriptor itself.
    ///
    /// # Errors
    /// A sentence whose subject is the library.
    #[cfg(unix)]
    pub(super) fn of_descriptor(
        mut file: File,
        name: &Path,
        path: Option<PathBuf>,
    ) -> Result<Self, String> {
        let mut descriptor = Descriptor::read(&file).map_err(|error| error.to_string())?;
        let sanitizer = descriptor.sanitizer.take();
        let mut sha256 = String::new();
        let backing = match path {
            Some(path) => {
                let digest = copy_hashed(&mut file, &mut io::sink());
                sha256 = digest.map_err(|error| format!("cannot be read ({error})"))?;
                Backing::Disk(path)
            }
            #[cfg(target_os = "linux")]
            None => {
                Backing::Memory(Arc::new(Sealed::of(&file).map_err(|error| {
                    format!("cannot be reached by its descriptor ({error})")
                })?))
            }
            #[cfg(not(target_os = "linux"))]
            None => return Err("cannot be reached by its descriptor".to_owned()),
        };
        Ok(Self {
            backing,
            directory: None,
            sha256,
            plugin: vet::found(name, descriptor),
            sanitizer,
        })
    }

    /// Whether it is a file that has a path.
    #[cfg(unix)]
    pub(super) fn is_on_disk(&self) -> bool {
        matches!(self.backing, Backing::Disk(_))
    }

    /// Opens it to be read: nothing else than what was copied.
    #[cfg(unix)]
    pub(super) fn open(&self) -> io::Result<File> {
        match &self.backing {
            #[cfg(target_os = "linux")]
            Backing::Memory(_) => File::open(self.path()),
            Backing::Disk(path) => open_equal(path, &self.sha256),
        }
    }

    /// What to map. It keeps its content and its path for as long as the process lives; on disk nobody else can change
    /// it, and it is still what was copied.
    pub(super) fn kept(&self) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Backing::Memory(sealed) = &self.backing {
            let sealed = sealed::keep(&self.sha256, sealed)?;
            return Ok(Self {
                backing: Backing::Memory(sealed),
                ..self.clone()
            });
        }
        if let Backing::Disk(path) = &self.backing {
            open_equal(path, &self.sha256)?;
        }
        Ok(self.clone())
    }

    /// The same on disk, if it is in memory: for systems that map nothing from there.
    pub(super) fn moved_to_disk(&self) -> Option<Self> {
        if matches!(self.backing, Backing::Disk(_)) {
            return None;
        }
        let directory = self.directory.as_ref()?;
        let mut original = File::open(self.path()).ok()?;
        let (path, sha256) = on_disk(directory, &self.plugin.path, &mut original).ok()?;
        Some(Self {
            backing: Backing::Disk(path),
            sha256,
            ..self.clone()
        })
    }
}

#[cfg(target_os = "linux")]
fn in_memory(id: &str, original: &mut File) -> io::Result<(Sealed, String)> {
    let mut file = Sealed::file(id)?;
    let sha256 = copy_hashed(original, &mut file)?;
    Ok((Sealed::new(file)?, sha256))
}

fn on_disk(
    directory: &Directory,
    name: &Path,
    original: &mut File,
) -> Result<(PathBuf, String), CopyError> {
    let mut scratch = directory.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = |error| CopyError::Directory {
        directory: std::env::temp_dir(),
        error,
    };
    let scratch = match &mut *scratch {
        Some(scratch) => scratch,
        none => none.insert(Scratch::new().map_err(failed)?),
    };
    let place = scratch.path().to_owned();
    let directory = scratch.directory().map_err(|error| CopyError::Directory {
        directory: place.clone(),
        error,
    })?;
    let copied = put(directory, original).map_err(|error| CopyError::Write {
        file: name.to_owned(),
        directory: place.clone(),
        error,
    });
    let (name, sha256) = copied?;
    Ok((place.join(name), sha256))
}

/// Copies a library into the directory, and returns its name there and its digest.
fn put(directory: &files::Directory, original: &mut File) -> io::Result<(String, String)> {
    const NEW: &str = "new";
    let filled = directory
        .create(NEW, 0o500)
        .and_then(|mut copy| copy_hashed(original, &mut copy));
    let put = filled.and_then(|sha256| {
        let name = format!("{sha256}{DLL_SUFFIX}");
        match directory.open(&name) {
            // Replacing an equal copy would make one plugin two images. Whether it is equal is seen before it is mapped.
            Ok(_) => directory.remove(NEW)?,
            Err(error) if error.kind() == ErrorKind::NotFound => directory.rename(NEW, &name)?,
            Err(error) => return Err(error),
        }
        Ok((name, sha256))
    });
    if put.is_err() {
        let _ = directory.remove(NEW);
    }
    put
}

/// Opens a copy on disk, if it is still what was copied and nobody else could change it.
fn open_equal(path: &Path, sha256: &str) -> io::Result<File> {
    let refuse = |why| Err(io::Error::other(why));
    if !path.parent().is_some_and(os::is_private_directory) {
        return refuse("others can enter the directory of its private copy".to_owned());
    }
    let mut file = File::open(path)?;
    let checked = file.metadata().map_err(VetError::Unreadable);
    if let Err(error) = checked.and_then(|metadata| os::check_file(&metadata)) {
        return refuse(format!("its private copy {error}"));
    }
    match copy_hashed(&mut file, &mut io::sink())? == sha256 {
        true => Ok(file),
        false => refuse("its private copy has been changed".to_owned()),
    }
}

/// Copies all of `from`, from its start, and returns the SHA-256 of what was copied.
fn copy_hashed(from: &mut File, to: &mut impl Write) -> io::Result<String> {
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
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
