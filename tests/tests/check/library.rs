//! Libraries to be checked.
use crate::command::cargo;
use handclasp_tests::{is_had, openssl_flags, target_directory};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// As an author is told to build in C.
const FLAGS: [&str; 8] = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
    "-shared",
];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A library that is removed with its directory.
pub(crate) struct Compiled {
    directory: TempDir,
}

impl Compiled {
    /// `tests/fixtures/check/NAME.c`.
    pub(crate) fn fixture(name: &str, more: &[&str]) -> Self {
        let source = Path::new(ROOT).join(format!("tests/fixtures/check/{name}.c"));
        Self::compile(&source, more)
    }

    /// C that stands in a text.
    pub(crate) fn source(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let source = directory.path().join("source.c");
        fs::write(&source, text).expect("the directory was just made");
        Self::compile(&source, &[])
    }

    fn compile(source: &Path, more: &[&str]) -> Self {
        let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let more: Vec<_> = more.iter().copied().map(str::to_owned).collect();
        Self::files(&compiler, &[source.to_owned()], &more)
    }

    /// C that stands in a text, by this compiler.
    pub(crate) fn text(compiler: &str, text: &str, more: &[String]) -> Self {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let source = directory.path().join("source.c");
        fs::write(&source, text).expect("the directory was just made");
        Self::files(compiler, &[source], more)
    }

    /// These files, by this compiler.
    pub(crate) fn files(compiler: &str, sources: &[PathBuf], more: &[String]) -> Self {
        let compiled = Self {
            directory: tempfile::tempdir().expect("the system's temporary directory is writable"),
        };
        compile(compiler, sources, more, &compiled.path());
        compiled
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("plugin.so")
    }

    /// Where more can be put beside it.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Compiles a shared library that no other user can change.
fn compile(compiler: &str, sources: &[PathBuf], more: &[String], output: &Path) {
    let compiled = Command::new(compiler)
        .args(FLAGS)
        .arg("-I")
        .arg(Path::new(ROOT).join("include"))
        .args(sources)
        .args(more)
        .arg("-o")
        .arg(output)
        .output()
        .unwrap_or_else(|error| panic!("cannot run `{compiler}`: {error}; install it, or set CC"));
    let messages = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{sources:?}: {messages}");
    fs::set_permissions(output, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// The C files in a folder.
pub(crate) fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is part of the tree");
    let files = entries.map(|entry| entry.expect("it is readable").path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "c"))
        .collect()
}

/// The plugin on OpenSSL, built as its own Makefile does; nothing where OpenSSL is not installed.
pub(crate) fn dtls_openssl() -> Option<PathBuf> {
    if !is_had(openssl_flags()) {
        return None;
    }
    let directory = Path::new(ROOT).join("plugins/dtls-openssl");
    let made = Command::new("make").arg("-C").arg(&directory).status();
    assert!(made.is_ok_and(|status| status.success()), "make fails");
    Some(directory.join("dtls-openssl.so"))
}

/// The example of the Rust SDK.
pub(crate) fn rust_example() -> PathBuf {
    cargo(&["-p", "handclasp-plugin", "--example", "hello"]);
    target_directory().join("release/examples/libhello.so")
}
