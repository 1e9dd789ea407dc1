//! Plugins in C, from `tests/fixtures`.
use crate::plugins::target_directory;
use std::collections::HashMap;
use std::env::{self, consts::DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{Mutex, PoisonError};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// As a plugin's author is told to build, and without a warning.
const FLAGS: [&str; 9] = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
    "-shared",
];

/// Compiles a plugin that no other user can change, with `CC` if that is set, and with more `flags`.
///
/// # Panics
/// There is no compiler, or it refuses.
pub fn cc(source: &Path, library: &Path, flags: &[&str]) {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = compiler.split_whitespace();
    let output = Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .args(FLAGS)
        .arg(source)
        .args(flags)
        .arg("-I")
        .arg(Path::new(ROOT).join("include"))
        .arg("-o")
        .arg(library)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run `{compiler}`: {error}; install a C compiler, or set CC")
        });
    let messages = String::from_utf8_lossy(&output.stderr);
    let source = source.display();
    assert!(
        output.status.success(),
        "`{compiler}` refused {source}:\n{messages}"
    );
    allow_others_to_read(library);
}

/// The plugin in the opening comment of `handclasp.h`.
pub fn header_example() -> String {
    let header = include_str!("../../include/handclasp.h");
    let (_, rest) = header
        .split_once("---- hello.c")
        .expect("the header has an example");
    let (example, _) = rest.split_once(" * ----").expect("and says where it ends");
    let lines = example.lines().skip(1);
    let lines = lines.map(|line| line.strip_prefix(" *").expect("it is a comment"));
    lines
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect()
}

/// Compiles `tests/fixtures/NAME.c` with these macros defined, once per process, and returns the library.
pub fn fixture(name: &str, defines: &[&str]) -> PathBuf {
    static COMPILED: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = [&[name], defines].concat().join("-");
    let known = compiled.get_or_insert_default();
    if let Some(library) = known.get(&key) {
        return library.clone();
    }
    let directory = directory();
    let library = directory.join(format!("{key}{DLL_SUFFIX}"));
    // Another process may be at it, too: each writes its own file, and renaming is atomic.
    let own = directory.join(format!(".{key}.{}", process::id()));
    let defined: Vec<_> = defines.iter().map(|define| format!("-D{define}")).collect();
    let flags: Vec<_> = defined.iter().map(String::as_str).collect();
    let source = Path::new(ROOT).join(format!("tests/fixtures/{name}.c"));
    cc(&source, &own, &flags);
    fs::rename(&own, &library).expect("both are in one directory of ours");
    known.insert(key, library.clone());
    library
}

/// A place whose owner alone may change it, whatever the umask: a host opens no plugin from elsewhere.
fn directory() -> PathBuf {
    let directory = target_directory().join("tmp/fixtures");
    fs::create_dir_all(&directory).expect("the target directory is writable");
    allow_others_to_read(&directory);
    directory
}

#[cfg(unix)]
fn allow_others_to_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[cfg(not(unix))]
fn allow_others_to_read(_path: &Path) {}
