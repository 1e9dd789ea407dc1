//! What the dynamic table and the program headers ask of the system.
use super::{Library, damaged};
use crate::cli::check::outcome::{Checked, Objection};
use crate::cli::check::table::{Check, Run};
use object::elf::{
    DF_STATIC_TLS, DF_TEXTREL, DT_FLAGS, DT_TEXTREL, DynamicFlags, DynamicTag, PF_X, PT_GNU_STACK,
};
use object::read::elf::ProgramHeader;

pub(crate) const THREAD_LOCALS: Check = Check {
    name: "thread-locals",
    sentence: "Its thread-local variables need no room that only a program's start can give (static TLS)",
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

fn thread_locals(library: &Library) -> Checked {
    match flags(library)?.contains(DF_STATIC_TLS) {
        false => Ok(()),
        true => Err(Objection::finding(
            "it is marked DF_STATIC_TLS: opening it fails once that room is used up",
        )),
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
