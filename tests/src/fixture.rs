//! Plugins in C, from `tests/fixtures`.
use crate::plugins::target_directory;
use std::collections::HashMap;
use std::env::{self, consts::DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{Mutex, PoisonError};

/// As a plugin's author is told to build, and without a warning.
const FLAGS: [&str; 8] = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
];

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
    compile(name, defines, &own);
    allow_others_to_read(&own);
    fs::rename(&own, &library).expect("both are in one directory of ours");
    known.insert(key, library.clone());
    library
}

fn compile(name: &str, defines: &[&str], output: &Path) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = compiler.split_whitespace();
    let compiled = Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .args(FLAGS)
        .arg("-shared")
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join(format!("tests/fixtures/{name}.c")))
        .arg("-o")
        .arg(output)
        .status()
        .unwrap_or_else(|error| {
            panic!("cannot run `{compiler}`: {error}; install a C compiler, or set CC")
        });
    assert!(compiled.success(), "`{compiler}` refused {name}.c");
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
