//! A library in memory that nobody can change any more: a sealed memfd (memfd_create(2)).
//!
//! It needs no directory to write to or to execute from, and goes with its process, however that ends.
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Holds the descriptor: the path is good for as long as this is.
#[derive(Debug)]
pub(super) struct Sealed {
    file: File,
    path: PathBuf,
}

/// The libraries that this process has mapped, by the SHA-256 of their content. They stay mapped, and their
/// descriptors open: a debugger opens what the linker was told, which must not have become a pipe.
static MAPPED: Mutex<Vec<(String, Arc<Sealed>)>> = Mutex::new(Vec::new());

/// Descriptors 0 to 2 are everybody's, and the next ones are likely to be closed by whoever counts them up.
const LOWEST: i32 = 10;

impl Sealed {
    /// A file in memory to be filled, and then [sealed](Self::new).
    pub(super) fn file(id: &str) -> io::Result<File> {
        let name = format!("handclasp-{id}");
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let made = match memfd_create(&*name, flags | MemfdFlags::NOEXEC_SEAL) {
            // Before Linux 6.3, which has no such flag. It concerns execve, not the mapping of libraries.
            Err(Errno::INVAL) => memfd_create(&*name, flags),
            made => made,
        };
        Ok(made?.into())
    }

    /// Seals what was written.
    ///
    /// # Errors
    /// It cannot be reached by a path, as without /proc.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        Self::of(&file)
    }

    /// What another process has sealed.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Self::numbered_from(file, LOWEST)
    }

    fn numbered_from(file: &File, lowest: i32) -> io::Result<Self> {
        let file = File::from(fcntl_dupfd_cloexec(file, lowest)?);
        // Not `self`, which is another process for whoever looks from outside.
        let process = fs::read_link("/proc/self")?;
        let path = PathBuf::from("/proc")
            .join(process)
            .join(format!("fd/{}", file.as_raw_fd()));
        let sealed = Self { file, path };
        match sealed.is_intact() {
            true => Ok(sealed),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// What the linker opens.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Whether the path leads here, which it does unless somebody has closed the descriptor.
    fn is_intact(&self) -> bool {
        let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let (here, there) = (self.file.metadata(), fs::metadata(&self.path));
        matches!((&here, &there), (Ok(here), Ok(there)) if identity(here) == identity(there))
    }
}

/// Keeps a library that is about to be mapped. The same content has the same path, and so one image; other content
/// has a path that the linker has never seen, for it would answer with the image it knows.
pub(super) fn keep(sha256: &str, sealed: &Arc<Sealed>) -> io::Result<Arc<Sealed>> {
    let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = mapped
        .iter()
        .find(|(known, kept)| known == sha256 && kept.is_intact());
    if let Some((_, known)) = known {
        return Ok(Arc::clone(known));
    }
    let mut kept = Arc::clone(sealed);
    while mapped.iter().any(|(_, other)| other.path == kept.path) {
        kept = Arc::new(Sealed::numbered_from(
            &kept.file,
            kept.file.as_raw_fd() + 1,
        )?);
    }
    mapped.push((sha256.to_owned(), Arc::clone(&kept)));
    Ok(kept)
}
