//! What the dynamic table and the program headers ask of the system.
use super::{Elf, Library, damaged};
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use object::elf::{
    DF_STATIC_TLS, DF_TEXTREL, DT_FLAGS, DT_TEXTREL, DynamicFlags, DynamicTag, PF_X, PT_GNU_STACK,
    PT_TLS,
};
use object::read::elf::ProgramHeader;
use object::{Object, ObjectSection};

pub(crate) const THREAD_LOCALS: Check = Check {
    name: "thread-locals",
    sentence: "Its thread-local variables need little room that only a program's start can give (static TLS)",
    remedy: "compile everything in it with -fPIC and without -ftls-model=initial-exec",
    needs: Some("descriptor"),
    run: Run::Reading(thread_locals),
};

pub(crate) const TEXT: Check = Check {
    name: "text",
    sentence: "Its code is mapped as it is in the file, without relocations in it",
    remedy: "compile everything in it with -fPIC; assembly too must be position-independent",
    needs: Some("descriptor"),
    run: Run::Reading(text),
};

pub(crate) const STACK: Check = Check {
    name: "stack",
    sentence: "It does not make the stacks of the process executable",
    remedy: "add `.section .note.GNU-stack,\"\",%progbits` to its assembly, avoid nested functions, or link with \
             -Wl,-z,noexecstack",
    needs: Some("descriptor"),
    run: Run::Reading(stack),
};

/// Bytes of static TLS that a plugin may take: the room is some 1,600, for all libraries of a process. Go's runtime takes
/// 8, and cannot do without.
const STATIC_TLS: u64 = 256;

fn thread_locals(library: &Library) -> Checked {
    if !flags(library)?.contains(DF_STATIC_TLS) {
        return Ok(());
    }
    let file = library.elf()?;
    let (endian, headers) = (file.endian(), file.elf_program_headers());
    let sizes = headers
        .iter()
        .filter(|header| header.p_type(endian) == PT_TLS);
    let size: u64 = sizes.map(|header| header.p_memsz(endian)).sum();
    if size <= STATIC_TLS {
        return Ok(());
    }
    let what = format!(
        "it is marked DF_STATIC_TLS, and takes {size} bytes: opening it fails where less is left"
    );
    let remedy = match Language::of(&file) {
        Language::Go => "look for C in it that has thread-local variables: Go's own take 8 bytes",
        Language::Rust => {
            "an allocator of C's does this as a rule: give tikv-jemallocator its feature \
             disable_initial_exec_tls, mimalloc its feature local_dynamic_tls; compile other C with -fPIC"
        }
        Language::Other => THREAD_LOCALS.remedy,
    };
    Err(Objection::finding(what).remedied(remedy))
}

/// What a library was written in, as far as its compiler left a mark.
enum Language {
    Go,
    Rust,
    Other,
}

impl Language {
    fn of(file: &Elf<'_>) -> Self {
        let mark = file.section_by_name(".comment");
        let mark = mark
            .and_then(|section| section.data().ok())
            .unwrap_or_default();
        if file.section_by_name(".note.go.buildid").is_some() {
            Self::Go
        } else if mark.windows(5).any(|word| word == b"rustc") {
            Self::Rust
        } else {
            Self::Other
        }
    }
}

fn text(library: &Library) -> Checked {
    let tagged = value(library, DT_TEXTREL)?.is_some();
    match tagged || flags(library)?.contains(DF_TEXTREL) {
        false => Ok(()),
        true => Err(Objection::finding(
            "it has relocations in its code (DT_TEXTREL): hardened systems refuse to open it",
        )),
    }
}

fn stack(library: &Library) -> Checked {
    let file = library.elf()?;
    let (endian, headers) = (file.endian(), file.elf_program_headers());
    let stack = headers
        .iter()
        .find(|header| header.p_type(endian) == PT_GNU_STACK);
    match stack {
        Some(stack) if !stack.p_flags(endian).contains(PF_X) => Ok(()),
        Some(_) => Err(Objection::finding("it asks for an executable stack")),
        None => Err(Objection::finding(
            "it does not say whether its stack is executable (no PT_GNU_STACK), which means that it is",
        )),
    }
}

fn flags(library: &Library) -> Result<DynamicFlags, Objection> {
    let flags = value(library, DT_FLAGS)?;
    Ok(DynamicFlags(flags.unwrap_or_default()))
}

fn value(library: &Library, tag: DynamicTag) -> Result<Option<u64>, Objection> {
    let file = library.elf()?;
    let table = file.elf_dynamic_table().map_err(damaged)?;
    Ok(table
        .iter()
        .find(|entry| entry.tag == tag)
        .map(|entry| entry.val))
}
