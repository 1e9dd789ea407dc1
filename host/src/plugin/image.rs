//! What a library's file says about the library: for which machine it is, and where its descriptor is.
use handclasp_abi::hc_plugin;
use object::read::elf::{ElfFile, FileHeader};
use object::{
    Architecture, BinaryFormat, Endianness, ExportTarget, File, NameOrOrdinal, Object, ObjectKind,
    ObjectSegment, ReadRef,
};

use super::elf;
use super::segments;
use super::symbol::{DESCRIPTOR, Symbol};
use super::vet_error::VetError;

/// What is read of a library that is never run.
pub(super) struct Image<'d> {
    /// The bytes of the descriptor, at most `sizeof(hc_plugin)` of them; fewer if the symbol or the file has no more.
    pub(super) descriptor: &'d [u8],
    /// The runtime of a sanitizer that must be in a process from its start.
    pub(super) sanitizer: Option<String>,
    /// Whether the library could change the descriptor.
    pub(super) writable: bool,
}

/// Reads a library for this machine.
pub(super) fn read<'d, R: ReadRef<'d>>(data: R) -> Result<Image<'d>, VetError> {
    let file = File::parse(data).map_err(VetError::NotALibrary)?;
    check_machine(&file)?;
    if file.kind() != ObjectKind::Dynamic {
        return Err(VetError::NotShared);
    }
    check_complete(&file, data)?;
    let (symbol, sanitizer, writable) = match &file {
        File::Elf32(file) => read_elf(file)?,
        File::Elf64(file) => read_elf(file)?,
        _ => (exported_symbol(&file)?, None, false),
    };
    let descriptor = bytes_at(&file, data, &symbol)?;
    Ok(Image {
        descriptor,
        sanitizer,
        writable,
    })
}

fn read_elf<'d, E, R>(file: &ElfFile<'d, E, R>) -> Result<(Symbol, Option<String>, bool), VetError>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let symbol = elf::descriptor(file)?;
    let sanitizer = elf::check_dynamic_table(file)?;
    let writable = segments::check(file, &symbol)?;
    Ok((symbol, sanitizer, writable))
}

/// The descriptor in the export table of a Mach-O or PE library, which knows no sizes.
fn exported_symbol<'d, R: ReadRef<'d>>(file: &File<'d, R>) -> Result<Symbol, VetError> {
    // Mach-O puts an underscore before every C name.
    let prefix: &[u8] = if file.format() == BinaryFormat::MachO {
        b"_"
    } else {
        b""
    };
    let export = file
        .exports()
        .map_err(VetError::NotALibrary)?
        .filter_map(Result::ok)
        .find(|export| match export.name() {
            NameOrOrdinal::Name(name) => name.strip_prefix(prefix) == Some(DESCRIPTOR),
            NameOrOrdinal::Ordinal(_) => false,
        })
        .ok_or(VetError::NoDescriptor)?;
    match export.target() {
        ExportTarget::Address { address } => Ok(Symbol {
            address,
            size: None,
        }),
        _ => Err(VetError::NotData),
    }
}

fn check_machine<'d, R: ReadRef<'d>>(file: &File<'d, R>) -> Result<(), VetError> {
    let describe = |format, architecture, bits, order| {
        format!("{format:?} on {architecture:?} ({bits}-bit, {order:?} endian)")
    };
    let found = describe(
        file.format(),
        file.architecture(),
        if file.is_64() { 64 } else { 32 },
        file.endianness(),
    );
    let host = describe(
        NATIVE_FORMAT,
        native_architecture(),
        usize::BITS,
        if cfg!(target_endian = "big") {
            Endianness::Big
        } else {
            Endianness::Little
        },
    );
    if found == host {
        Ok(())
    } else {
        Err(VetError::Machine { file: found, host })
    }
}

const NATIVE_FORMAT: BinaryFormat = if cfg!(windows) {
    BinaryFormat::Pe
} else if cfg!(target_vendor = "apple") {
    BinaryFormat::MachO
} else {
    BinaryFormat::Elf
};

fn native_architecture() -> Architecture {
    match std::env::consts::ARCH {
        "x86_64" if cfg!(target_pointer_width = "32") => Architecture::X86_64_X32,
        "x86_64" => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "riscv32" => Architecture::Riscv32,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        "loongarch64" => Architecture::LoongArch64,
        _ => Architecture::Unknown,
    }
}

/// A segment mapped beyond the end of its file kills the process that touches it.
fn check_complete<'d, R: ReadRef<'d>>(file: &File<'d, R>, data: R) -> Result<(), VetError> {
    let len = data.len().map_err(|()| VetError::CutShort)?;
    let inside =
        |(offset, size): (u64, u64)| offset.checked_add(size).is_some_and(|end| end <= len);
    let complete = file.segments().all(|segment| inside(segment.file_range()));
    if complete {
        Ok(())
    } else {
        Err(VetError::CutShort)
    }
}

fn bytes_at<'d, R: ReadRef<'d>>(
    file: &File<'d, R>,
    data: R,
    symbol: &Symbol,
) -> Result<&'d [u8], VetError> {
    let wanted = symbol
        .size
        .unwrap_or(u64::MAX)
        .min(size_of::<hc_plugin>() as u64);
    let (offset, left) = file
        .segments()
        .find_map(|segment| {
            let (offset, size) = segment.file_range();
            let into = symbol.address.checked_sub(segment.address())?;
            (into < segment.size())
                .then_some((offset.checked_add(into)?, size.saturating_sub(into)))
        })
        .ok_or(VetError::NotData)?;
    data.read_bytes_at(offset, wanted.min(left))
        .map_err(|()| VetError::CutShort)
}
