use super::{Elf, Library, damaged};
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DynamicTag};
use std::env;
use std::fs;
use std::path::PathBuf;

pub(crate) const LIBRARIES: Check = Check {
    name: "libraries",
    sentence: "Every library it needs is installed",
    remedy: "install what is missing, or link it statically",
    needs: Some("descriptor"),
    run: Run::Reading(check),
};

/// What `ldconfig` found: a table of names and paths, each ended by NUL.
const CACHE: &str = "/etc/ld.so.cache";
/// Where the dynamic linker looks besides.
const DIRECTORIES: [&str; 5] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];

fn check(library: &Library) -> Checked {
    if !cfg!(target_os = "linux") {
        return Err(Objection::skip(
            "where libraries are looked for is known for Linux only",
        ));
    }
    let file = library.elf()?;
    let cache = fs::read(CACHE).unwrap_or_default();
    let cached: Vec<&[u8]> = cache.split(|&byte| byte == 0).collect();
    let directories = directories(&file)?;
    let mut missing = strings(&file, DT_NEEDED)?;
    missing.retain(|name| {
        !cached.iter().any(|entry| entry.ends_with(name.as_bytes()))
            && !directories
                .iter()
                .any(|directory| directory.join(name).exists())
    });
    if missing.is_empty() {
        return Ok(());
    }
    Err(Objection::finding(format!(
        "these are not there: {}",
        missing.join(", ")
    )))
}

/// The runtime of gcc's AddressSanitizer, if the library was built with it.
pub(crate) fn address_sanitizer(library: &Library) -> Option<String> {
    let needed = strings(&library.elf().ok()?, DT_NEEDED).ok()?;
    needed
        .into_iter()
        .find(|name| name.starts_with("libasan.so"))
}

fn directories(file: &Elf<'_>) -> Result<Vec<PathBuf>, Objection> {
    let own = [strings(file, DT_RPATH)?, strings(file, DT_RUNPATH)?].concat();
    let variable = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    Ok(own
        .iter()
        .flat_map(|path| path.split(':'))
        .map(PathBuf::from)
        .chain(env::split_paths(&variable))
        .chain(DIRECTORIES.map(PathBuf::from))
        .collect())
}

fn strings(file: &Elf<'_>, tag: DynamicTag) -> Result<Vec<String>, Objection> {
    let table = file.elf_dynamic_table().map_err(damaged)?;
    let entries = table.iter().filter(|entry| entry.tag == tag);
    entries
        .map(|entry| table.string(entry).map_err(damaged))
        .map(|name| Ok(String::from_utf8_lossy(name?).into_owned()))
        .collect()
}
