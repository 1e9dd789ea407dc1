//! What a library's file tells about it. Nothing of it runs.
pub(crate) mod descriptor;
pub(crate) mod dynamic;
pub(crate) mod exports;
pub(crate) mod libraries;

use crate::check::outcome::Objection;
use object::read::elf::ElfFile64;
use object::{BinaryFormat, Endianness, File};
use std::io;
use std::path::PathBuf;

/// The file that is checked.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) path: PathBuf,
    content: Vec<u8>,
}

type Elf<'a> = ElfFile64<'a, Endianness>;

impl Library {
    pub(crate) fn read(path: PathBuf) -> io::Result<Self> {
        let content = std::fs::read(&path)?;
        Ok(Self { path, content })
    }

    /// The library as the dynamic linker of Linux sees it.
    fn elf(&self) -> Result<Elf<'_>, Objection> {
        let file = File::parse(&*self.content).map_err(damaged)?;
        match file {
            File::Elf64(file) => Ok(file),
            other => Err(Objection::skip(match other.format() {
                BinaryFormat::Elf => "it is read in 64-bit ELF files only",
                _ => "only ELF files tell",
            })),
        }
    }
}

fn damaged(error: object::Error) -> Objection {
    Objection::finding(format!("its tables are damaged: {error}"))
}
