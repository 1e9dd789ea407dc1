//! The head of a descriptor, read from the file before any code of the library runs.
use std::io::{self, Read, Seek, SeekFrom};
use std::mem::{offset_of, size_of};

use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR, HC_DECLARATIONS, HC_MAGIC, hc_plugin};
use object::ReadCache;

use super::image;
use super::vet_error::VetError;

/// Most bytes of a file read to find its descriptor. Tables of an honest library are far below it; those
/// of a crafted one may name the same bytes over and over.
const MAX_TABLE_BYTES: u64 = 64 << 20;

/// Everything before the first pointer: no relocation changes it when the library is loaded.
const HEAD_BYTES: usize = offset_of!(hc_plugin, name);

/// What a library says of itself that a host can know without running it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) flags: u32,
    /// The runtime of a sanitizer that must be in a process from its start.
    pub(super) sanitizer: Option<String>,
}

impl Descriptor {
    /// Reads the descriptor of the library in `file`, and refuses what this process could not use.
    pub(super) fn read(file: impl Read + Seek) -> Result<Self, VetError> {
        Self::read_within(file, MAX_TABLE_BYTES)
    }

    /// Reads at most `budget` bytes of `file` to find the descriptor.
    pub(super) fn read_within(file: impl Read + Seek, budget: u64) -> Result<Self, VetError> {
        let cache = ReadCache::new(Budget { file, left: budget });
        let image = image::read(&cache)?;
        let mut descriptor = Self::parse(image.descriptor)?;
        if image.writable {
            return Err(VetError::WritableDescriptor);
        }
        descriptor.sanitizer = image.sanitizer;
        Ok(descriptor)
    }

    /// `bytes` starts at the descriptor and ends with it, or with what the file holds of it.
    fn parse(bytes: &[u8]) -> Result<Self, VetError> {
        let short = || VetError::ShortDescriptor { bytes: bytes.len() };
        let head = Head(bytes.first_chunk().ok_or_else(short)?);
        head.check()?;
        if bytes.len() < size_of::<hc_plugin>() {
            return Err(short());
        }
        Ok(Self {
            id: head.id()?,
            version: head.version()?,
            flags: head.u32(offset_of!(hc_plugin, flags)),
            sanitizer: None,
        })
    }
}

struct Head<'a>(&'a [u8; HEAD_BYTES]);

impl Head<'_> {
    fn check(&self) -> Result<(), VetError> {
        let magic = self.u64(offset_of!(hc_plugin, magic));
        if magic != HC_MAGIC {
            return Err(VetError::Magic { magic });
        }
        let pointer_bytes = self.u32(offset_of!(hc_plugin, pointer_bytes));
        let big_endian = self.u32(offset_of!(hc_plugin, big_endian));
        if pointer_bytes as usize != size_of::<usize>()
            || big_endian != u32::from(cfg!(target_endian = "big"))
        {
            return Err(VetError::ByteOrder {
                pointer_bytes,
                big_endian,
            });
        }
        let major = self.u32(offset_of!(hc_plugin, abi_major));
        let minor = self.u32(offset_of!(hc_plugin, abi_minor));
        // Before 1.0 a minor version may change anything.
        if major != HC_ABI_MAJOR || (major == 0 && minor != HC_ABI_MINOR) {
            return Err(VetError::AbiVersion { major, minor });
        }
        let hash = self.u64(offset_of!(hc_plugin, declarations));
        if hash != HC_DECLARATIONS {
            return Err(VetError::Declarations { hash });
        }
        let bytes = self.u32(offset_of!(hc_plugin, struct_size));
        if bytes as usize != size_of::<hc_plugin>() {
            return Err(VetError::StructSize { bytes });
        }
        Ok(())
    }

    fn id(&self) -> Result<String, VetError> {
        let field = &self.0[offset_of!(hc_plugin, id)..][..48];
        text(field)
            .filter(|id| is_id(id))
            .map(printable)
            .ok_or_else(|| VetError::Id {
                id: printable(field),
            })
    }

    fn version(&self) -> Result<String, VetError> {
        let field = &self.0[offset_of!(hc_plugin, version)..][..24];
        text(field)
            .filter(|version| version.iter().all(|c| (b' '..=b'~').contains(c)))
            .map(printable)
            .ok_or_else(|| VetError::Version {
                version: printable(field),
            })
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(*self.0[at..].first_chunk().expect("a field of the head"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(*self.0[at..].first_chunk().expect("a field of the head"))
    }
}

/// Whether this may be a plugin's id: 1 to 47 characters out of a-z, 0-9 and `-`, the first not `-`, since it
/// stands in command lines.
pub fn is_id(text: &[u8]) -> bool {
    let starts = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.first().is_some_and(|&first| starts(first))
        && text.len() < 48
        && text.iter().all(|&c| starts(c) || c == b'-')
}

/// The bytes before the NUL that must end them, at least one.
fn text(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|&c| c == 0)?;
    (end > 0).then_some(&field[..end])
}

fn printable(field: &[u8]) -> String {
    let end = field.iter().position(|&c| c == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// A file of which only so much is read.
struct Budget<F> {
    file: F,
    left: u64,
}

impl<F: Read> Read for Budget<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.left = (self.left)
            .checked_sub(buffer.len() as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        self.file.read(buffer)
    }
}

impl<F: Seek> Seek for Budget<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
