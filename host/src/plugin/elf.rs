//! What only ELF tells: a symbol's type and size, and where dependencies are looked for.
use object::elf::{
    DF_1_PIE, DT_AUXILIARY, DT_FILTER, DT_FLAGS_1, DT_NEEDED, DT_RPATH, DT_RUNPATH, DynamicFlags1,
    STB_LOCAL, STT_OBJECT,
};
use object::read::elf::{ElfFile, FileHeader, Sym};
use object::{Endianness, ReadRef};

use super::symbol::{DESCRIPTOR, Symbol};
use super::vet_error::VetError;

/// The descriptor in the dynamic symbol table.
pub(super) fn descriptor<'d, E, R>(file: &ElfFile<'d, E, R>) -> Result<Symbol, VetError>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let (endian, table) = (file.endian(), file.elf_dynamic_symbol_table());
    let symbol = (table.iter())
        // Cheap tests first: each name costs a read of the file, and most symbols are imports.
        .filter(|symbol| !symbol.is_undefined(endian) && symbol.st_bind() != STB_LOCAL)
        .find(|symbol| symbol.name(endian, table.strings()) == Ok(DESCRIPTOR))
        .ok_or(VetError::NoDescriptor)?;
    if symbol.st_type() != STT_OBJECT || symbol.st_shndx(endian).is_special() {
        return Err(VetError::NotData);
    }
    Ok(Symbol {
        address: symbol.st_value(endian).into(),
        size: Some(symbol.st_size(endian).into()),
    })
}

/// The runtimes of sanitizers that end a process which they were not the first in.
const SANITIZERS: [&str; 4] = ["libasan.so", "libhwasan.so", "liblsan.so", "libtsan.so"];

/// The directory of the file, as its dynamic table writes it.
pub(super) const ORIGIN: [&str; 2] = ["$ORIGIN", "${ORIGIN}"];
/// Most libraries that an honest one needs.
const MAX_NEEDED: usize = 64;

/// Refuses executables, which look like libraries but for one flag, and `$ORIGIN`. Returns the runtime of a sanitizer
/// that the library needs.
pub(super) fn check_dynamic_table<'d, E, R>(
    file: &ElfFile<'d, E, R>,
) -> Result<Option<String>, VetError>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let table = file.elf_dynamic_table().map_err(VetError::NotALibrary)?;
    let (mut sanitizer, mut origin, mut needed) = (None, None, Vec::new());
    for entry in &table {
        match entry.tag {
            DT_FLAGS_1 if DynamicFlags1(entry.val).contains(DF_1_PIE) => {
                return Err(VetError::NotShared);
            }
            DT_NEEDED | DT_RPATH | DT_RUNPATH | DT_AUXILIARY | DT_FILTER => {
                let text = table.string(entry).map_err(VetError::NotALibrary)?;
                let text = String::from_utf8_lossy(text);
                if SANITIZERS.iter().any(|runtime| text.starts_with(runtime)) {
                    sanitizer = Some(text.to_string());
                }
                if ORIGIN.iter().any(|origin| text.contains(origin)) {
                    origin.get_or_insert(text.into_owned());
                } else if entry.tag == DT_NEEDED && needed.len() < MAX_NEEDED {
                    needed.push(text.into_owned());
                }
            }
            _ => {}
        }
    }
    match origin {
        Some(entry) => Err(VetError::OriginRelative { entry, needed }),
        None => Ok(sanitizer),
    }
}
