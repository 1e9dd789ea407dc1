//! The command, plugins to give it, and what it printed.
use handclasp_tests::{Lacking, built, cc, header_example, program};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) use handclasp_tests::text;

const TESTS: &str = env!("CARGO_MANIFEST_DIR");

/// One of the project's plugins.
pub(crate) fn plugin(id: &str) -> PathBuf {
    built(id).unwrap_or_else(|Lacking(what)| panic!("{what}"))
}

/// The command, in an environment without settings.
pub(crate) fn handclasp<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program());
    for variable in [
        "HANDCLASP_PLUGIN_PATH",
        "HANDCLASP_LOG",
        "CLICOLOR_FORCE",
        "NO_COLOR",
    ] {
        command.env_remove(variable);
    }
    command.env("XDG_CACHE_HOME", cache());
    command.args(arguments);
    command
}

/// Where the command remembers what its scanner has found, in these tests.
pub(crate) fn cache() -> PathBuf {
    handclasp_tests::target_directory().join("tmp/cache")
}

/// Where a library has its id, as text of 48 bytes: behind the magic number and seven more numbers.
pub(crate) fn id_of(library: &[u8]) -> usize {
    let magic = handclasp_abi::HC_MAGIC.to_ne_bytes();
    let descriptor = library.windows(8).position(|word| word == magic);
    descriptor.expect("a plugin has a descriptor")
        + std::mem::offset_of!(handclasp_abi::hc_plugin, id)
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    handclasp(arguments).output().expect("the command runs")
}

/// A directory of plugins.
pub(crate) struct Plugins(TempDir);

impl Plugins {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("the system's temporary directory is writable"))
    }

    /// With a plugin that `make plugins` has built.
    pub(crate) fn with(id: &str) -> Self {
        let plugins = Self::new();
        plugins.put(
            &format!("{id}.so"),
            &fs::read(plugin(id)).expect("it was just looked for"),
        );
        plugins
    }

    /// With `tests/fixtures/habits.c`, which has these habits.
    pub(crate) fn with_habits(habits: &[&str]) -> Self {
        let plugins = Self::new();
        let library = handclasp_tests::fixture("habits", habits);
        plugins.put(
            "habits.so",
            &fs::read(library).expect("it was just compiled"),
        );
        plugins
    }

    /// With `tests/fixtures/broken/NAME.c`.
    pub(crate) fn with_fixture(name: &str) -> Self {
        let plugins = Self::new();
        let source = Path::new(TESTS).join(format!("fixtures/broken/{name}.c"));
        let source = fs::read_to_string(source).expect("the fixture is there");
        plugins.compile(&format!("{name}.so"), &source);
        plugins
    }

    pub(crate) fn path(&self) -> &str {
        self.0
            .path()
            .to_str()
            .expect("temporary directories have plain names")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Moves a library into place, as the Makefile does.
    pub(crate) fn put(&self, name: &str, library: &[u8]) {
        let new = self.file(".new");
        fs::write(&new, library).expect("the directory is ours");
        fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(new, self.file(name)).expect("it is ours");
    }

    /// Compiles a plugin as its author would, and moves it into place.
    pub(crate) fn compile(&self, name: &str, source: &str) {
        self.compile_with(name, source, &[]);
    }

    /// The same, with more flags.
    pub(crate) fn compile_with(&self, name: &str, source: &str, flags: &[&str]) {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let (c, library) = (
            directory.path().join("plugin.c"),
            directory.path().join("plugin.so"),
        );
        fs::write(&c, source).expect("the directory was just made");
        let broken = format!("-I{TESTS}/fixtures/broken");
        cc(&c, &library, &[&[&*broken], flags].concat());
        self.put(
            name,
            &fs::read(library).expect("the compiler has written it"),
        );
    }
}

/// The example of handclasp.h, as another version of itself.
pub(crate) fn hello(version: &str) -> String {
    let source = header_example();
    assert!(source.contains("\"1.0.0\""), "{source}");
    source.replace("\"1.0.0\"", &format!("\"{version}\""))
}

/// The JSON object on each line.
pub(crate) fn json(output: &Output) -> Vec<Value> {
    let stdout = text(&output.stdout);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    stdout.lines().map(parse).collect()
}

/// The summary of `demo --json`.
pub(crate) fn summary(output: &Output) -> Value {
    let summary = json(output).pop().expect("there is at least the summary");
    assert_eq!(summary["event"], "demo_done", "{summary}");
    summary
}

/// It fails with this code and this one sentence.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, sentence: &str) {
    let expected = (Some(code), format!("error: {sentence}\n"));
    assert_eq!((output.status.code(), text(&output.stderr)), expected);
}

/// It succeeds and has nothing to complain about.
#[track_caller]
pub(crate) fn assert_succeeds(output: &Output) {
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
}
