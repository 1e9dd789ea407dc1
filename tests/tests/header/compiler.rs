//! The C and C++ compilers of this machine.

use handclasp_tests::{is_here, openssl_flags, skip};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a plugin author may switch on without a word from the header.
pub(crate) const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// `WARNINGS`, and implicit padding is an error.
pub(crate) const STRICT: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wpadded"];

const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include");

#[derive(Clone, Copy)]
pub(crate) enum Language {
    C11,
    Cpp17,
}

/// A compiler with the options that choose the language.
pub(crate) struct Compiler {
    command: Vec<String>,
    file: &'static str,
}

/// The compiler the environment names or the system's, and clang where it is installed.
pub(crate) fn compilers(language: Language) -> Vec<Compiler> {
    let (variable, system, clang, standard, file) = match language {
        Language::C11 => ("CC", ["cc", "gcc"], "clang", "-std=c11", "source.c"),
        Language::Cpp17 => ("CXX", ["c++", "g++"], "clang++", "-std=c++17", "source.cpp"),
    };
    let found = match env::var(variable) {
        Ok(named) => Some(named),
        Err(_) => is_here(system[0], system[1]).then(|| system[0].to_owned()),
    };
    let clang = is_here(clang, "clang").then(|| clang.to_owned());
    let with_standard = |name: String| Compiler {
        command: name
            .split_whitespace()
            .chain([standard])
            .map(str::to_owned)
            .collect(),
        file,
    };
    found.into_iter().chain(clang).map(with_standard).collect()
}

impl Compiler {
    /// gcc for Windows.
    pub(crate) fn mingw() -> Self {
        let command = ["x86_64-w64-mingw32-gcc", "-std=c11"];
        Self {
            command: command.map(str::to_owned).into(),
            file: "source.c",
        }
    }

    /// clang, for a machine whose own headers are not here.
    pub(crate) fn clang_for(target: &str) -> Self {
        Self {
            command: vec![
                "clang".to_owned(),
                "-std=c11".to_owned(),
                format!("--target={target}"),
            ],
            file: "source.c",
        }
    }

    /// Builds `plugin.dll` in the directory it returns.
    pub(crate) fn dll(&self, source: &str) -> TempDir {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let library = ["-shared", "-fvisibility=hidden", "-o", "plugin.dll"];
        self.run(directory.path(), source, &[WARNINGS, &library].concat());
        directory
    }

    /// Compiles these files without output.
    pub(crate) fn check_files(&self, files: &[PathBuf], flags: &[&str]) {
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(flags)
            .args(["-fsyntax-only", "-I", INCLUDE])
            .args(files)
            .output()
            .unwrap_or_else(|error| panic!("cannot run `{}`: {error}", self.command[0]));
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} refused:\n{messages}",
            self.command.join(" ")
        );
    }

    /// Compiles these files, which use OpenSSL, without output, if that is here.
    pub(crate) fn check_on_openssl(&self, files: &[PathBuf], flags: &[&str]) {
        match openssl_flags() {
            Ok(openssl) => {
                // Nothing is linked.
                let openssl = openssl.iter().map(String::as_str);
                let openssl =
                    openssl.filter(|flag| !flag.starts_with("-l") && !flag.starts_with("-L"));
                let flags: Vec<_> = flags.iter().copied().chain(openssl).collect();
                self.check_files(files, &flags);
            }
            Err(lacking) => skip("what is built on it", &lacking),
        }
    }

    /// Compiles without output.
    pub(crate) fn check(&self, source: &str, flags: &[&str]) {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        self.run(
            directory.path(),
            source,
            &[flags, &["-fsyntax-only"]].concat(),
        );
    }

    /// Builds a plugin as an author would, and returns the bytes of the library.
    pub(crate) fn library(&self, source: &str) -> Vec<u8> {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let library = ["-fPIC", "-shared", "-fvisibility=hidden", "-o", "plugin"];
        self.run(directory.path(), source, &[WARNINGS, &library].concat());
        fs::read(directory.path().join("plugin")).expect("the compiler has written its output")
    }

    /// What the compiler says of a source it refuses.
    pub(crate) fn refusal(&self, source: &str, flags: &[&str]) -> String {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let flags = [flags, &["-fsyntax-only"]].concat();
        let output = self.compile(directory.path(), source, &flags);
        assert!(
            !output.status.success(),
            "{} took it",
            self.command.join(" ")
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Builds a program and runs it; answers its exit code.
    pub(crate) fn execute(&self, source: &str) -> Option<i32> {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        self.run(
            directory.path(),
            source,
            &[WARNINGS, &["-o", "program"]].concat(),
        );
        let program = Command::new(directory.path().join("program")).status();
        program.expect("it was just built").code()
    }

    fn run(&self, directory: &Path, source: &str, flags: &[&str]) {
        let output = self.compile(directory, source, flags);
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} refused:\n{messages}",
            self.command.join(" ")
        );
    }

    fn compile(&self, directory: &Path, source: &str, flags: &[&str]) -> Output {
        fs::write(directory.join(self.file), source).expect("the directory was just made");
        Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(flags)
            .args(["-I", INCLUDE, self.file])
            .current_dir(directory)
            .output()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot run `{}`: {error}; install it, or set CC and CXX",
                    self.command[0]
                )
            })
    }
}
