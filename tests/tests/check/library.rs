//! Libraries to be checked.
use crate::command::cargo;
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
        let compiled = Self {
            directory: tempfile::tempdir().expect("the system's temporary directory is writable"),
        };
        compile(source, more, &compiled.path());
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
fn compile(source: &Path, more: &[&str], output: &Path) {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&compiler)
        .args(FLAGS)
        .arg("-I")
        .arg(Path::new(ROOT).join("include"))
        .arg(source)
        .args(more)
        .arg("-o")
        .arg(output)
        .output()
        .unwrap_or_else(|error| panic!("cannot run `{compiler}`: {error}; install it, or set CC"));
    let messages = String::from_utf8_lossy(&compiled.stderr);
    assert!(
        compiled.status.success(),
        "{}: {messages}",
        source.display()
    );
    fs::set_permissions(output, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// A plugin of this project, built in the release profile.
pub(crate) fn built(package: &str, library: &str) -> PathBuf {
    cargo(&["-p", package]);
    target_directory().join(format!("release/{library}.so"))
}

/// The plugin in C; nothing, and a word about it, where OpenSSL is not installed.
pub(crate) fn dtls_openssl_library() -> Option<PathBuf> {
    let directory = Path::new(ROOT).join("plugins/dtls-openssl");
    let has_openssl = Command::new("pkg-config")
        .args(["--exists", "libssl >= 3"])
        .status();
    if !has_openssl.is_ok_and(|status| status.success()) {
        assert!(
            env::var("CI").is_err(),
            "OpenSSL 3 is missing: install libssl-dev"
        );
        eprintln!("skipped: OpenSSL 3 is missing, install libssl-dev");
        return None;
    }
    let made = Command::new("make").arg("-C").arg(&directory).status();
    assert!(made.is_ok_and(|status| status.success()), "make fails");
    Some(directory.join("dtls-openssl.so"))
}

/// The example of the Rust SDK.
pub(crate) fn rust_example() -> PathBuf {
    cargo(&["-p", "handclasp-plugin", "--example", "hello"]);
    target_directory().join("release/examples/libhello.so")
}

/// The plugin in the opening comment of the C header.
pub(crate) fn c_example() -> String {
    let header = include_str!("../../../include/handclasp.h");
    let (_, rest) = header
        .split_once("---- hello.c")
        .expect("the header has an example");
    let (example, _) = rest.split_once(" * ----").expect("and says where it ends");
    let lines = example.lines().skip(1);
    lines
        .map(|line| line.strip_prefix(" *").unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Where cargo builds: it marks the place.
pub(crate) fn target_directory() -> PathBuf {
    let test = env::current_exe().expect("a test is run from a file");
    test.ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .expect("cargo puts tests below its target directory")
        .to_owned()
}
