use super::{Elf, Library};
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use object::elf::{STB_LOCAL, STT_SECTION};
use object::read::elf::Sym;

pub(crate) const EXPORTS: Check = Check {
    name: "exports",
    sentence: "It exports nothing but its descriptor",
    remedy: "build with -fvisibility=hidden and link with -Wl,--exclude-libs,ALL; what is still exported (C++ \
             templates, assembly) hide with a version script: { global: handclasp_plugin; local: *; };",
    needs: Some("descriptor"),
    run: Run::Reading(check),
};

/// What linkers define in every library.
const LINKERS: [&str; 6] = [
    "_init",
    "_fini",
    "_edata",
    "_end",
    "__bss_start",
    "handclasp_plugin",
];

/// What AddressSanitizer marks each exported variable with.
const SANITIZERS: &str = "__odr_asan.";

/// How many are named in a finding.
const SHOWN: usize = 5;

fn check(library: &Library) -> Checked {
    let leaks = exported(&library.elf()?);
    if leaks.is_empty() {
        return Ok(());
    }
    let shown = leaks[..leaks.len().min(SHOWN)].join(", ");
    let more = match leaks.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Objection::finding(format!(
        "it also exports {shown}{more}: a symbol of the same name elsewhere in the process takes their place"
    )))
}

fn exported(file: &Elf<'_>) -> Vec<String> {
    let (endian, table) = (file.endian(), file.elf_dynamic_symbol_table());
    let mut names: Vec<String> = table
        .iter()
        .filter(|symbol| !symbol.is_undefined(endian) && symbol.st_bind() != STB_LOCAL)
        // The name of a version that a version script defines.
        .filter(|symbol| symbol.st_type() != STT_SECTION && !symbol.is_absolute(endian))
        .filter_map(|symbol| symbol.name(endian, table.strings()).ok())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .filter(|name| !LINKERS.contains(&name.as_str()) && !name.starts_with(SANITIZERS))
        .collect();
    names.sort_unstable();
    names
}
