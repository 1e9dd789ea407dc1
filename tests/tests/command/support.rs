//! The command, plugins to give it, and what it printed.
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const TESTS: &str = env!("CARGO_MANIFEST_DIR");

/// Where `make` puts what it builds.
pub(crate) fn release() -> PathBuf {
    let workspace = Path::new(TESTS).parent().expect("a member has a workspace");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("release")
}

/// A plugin where `make plugins` puts it.
pub(crate) fn plugin(id: &str) -> PathBuf {
    let file = release().join(format!("plugins/{id}.so"));
    assert!(
        file.is_file(),
        "{} is missing: run make plugins",
        file.display()
    );
    file
}

/// The command, in an environment without settings.
pub(crate) fn handclasp<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let file = release().join("handclasp");
    assert!(
        file.is_file(),
        "{} is missing: run make build",
        file.display()
    );
    let mut command = Command::new(file);
    for variable in [
        "HANDCLASP_PLUGIN_PATH",
        "HANDCLASP_LOG",
        "CLICOLOR_FORCE",
        "NO_COLOR",
    ] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
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
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let (c, library) = (
            directory.path().join("plugin.c"),
            directory.path().join("plugin.so"),
        );
        fs::write(&c, source).expect("the directory was just made");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let output = Command::new(&compiler)
            .args(["-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-I"])
            .arg(Path::new(TESTS).join("../include"))
            .arg("-I")
            .arg(Path::new(TESTS).join("fixtures/broken"))
            .arg(c)
            .arg("-o")
            .arg(&library)
            .output()
            .unwrap_or_else(|error| {
                panic!("cannot run {compiler} ({error}): install it, or set CC")
            });
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.put(
            name,
            &fs::read(library).expect("the compiler has written it"),
        );
    }
}

/// The example of handclasp.h, as another version of itself.
pub(crate) fn hello(version: &str) -> String {
    let header = fs::read_to_string(Path::new(TESTS).join("../include/handclasp.h"));
    let header = header.expect("the header is there");
    let example = header
        .split("---- hello.c")
        .nth(1)
        .expect("the header has an example");
    let example = example
        .split(" * ----\n")
        .next()
        .expect("it ends in dashes");
    let lines = example.lines().skip(1).map(|line| {
        let line = line.strip_prefix(" *").expect("it is a comment");
        line.strip_prefix(' ').unwrap_or(line)
    });
    let source = lines.collect::<Vec<_>>().join("\n");
    assert!(source.contains("\"1.0.0\""), "{source}");
    source.replace("\"1.0.0\"", &format!("\"{version}\""))
}

pub(crate) fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
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
