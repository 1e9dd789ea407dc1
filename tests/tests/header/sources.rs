//! Every C and C++ source that is shipped, written by `new` or shown, with every compiler and without a warning.
use crate::compiler::{Compiler, Language, WARNINGS, compilers};
use handclasp_tests::{header_example, is_here};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Folders of plugins, and what else their files need to be told.
const FOLDERS: [(&str, &[&str]); 7] = [
    ("plugins/dtls-openssl", &[]),
    ("host/cli/templates/c", &[]),
    ("tests/fixtures", &[]),
    ("tests/fixtures/check", &[]),
    ("tests/compat/0.1", &[]),
    ("tests/compat/0.2", &[]),
    ("bench", &["-D_POSIX_C_SOURCE=200809L"]),
];

/// The sources in a folder: those that need no more than the header, and those that need OpenSSL, too.
fn sources(folder: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = Path::new(ROOT)
        .join(folder)
        .read_dir()
        .expect("it is part of the tree");
    let files = entries.map(|entry| entry.expect("it is readable").path());
    let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "c"));
    let needs_openssl = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("it is part of the tree");
        text.contains("<openssl/") || text.contains("\"dtls.h\"")
    };
    sources.partition(|file| !needs_openssl(file))
}

#[test]
fn every_c_source_compiles_without_a_warning() {
    for compiler in compilers(Language::C11) {
        for (folder, more) in FOLDERS {
            let (plain, on_openssl) = sources(folder);
            assert!(!plain.is_empty() || !on_openssl.is_empty(), "{folder}");
            let flags = [WARNINGS, more].concat();
            if !plain.is_empty() {
                compiler.check_files(&plain, &flags);
            }
            if !on_openssl.is_empty() {
                compiler.check_on_openssl(&on_openssl, &flags);
            }
        }
    }
}

#[test]
fn so_does_the_template_in_cpp() {
    for compiler in compilers(Language::Cpp17) {
        compiler.check_on_openssl(
            &[Path::new(ROOT).join("host/cli/templates/cpp/plugin.cpp")],
            WARNINGS,
        );
    }
}

#[test]
fn mingw_makes_a_dll_that_exports_the_descriptor_alone() {
    if !is_here("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64") {
        return;
    }
    let compiler = Compiler::mingw();
    let noop = Path::new(ROOT).join("bench/noop.c");
    let noop = fs::read_to_string(noop).expect("it is part of the tree");
    for source in [header_example(), noop] {
        let directory = compiler.dll(&source);
        let dumped = Command::new("x86_64-w64-mingw32-objdump")
            .args(["-p", "plugin.dll"])
            .current_dir(directory.path())
            .output()
            .expect("it comes with the compiler");
        assert_eq!(
            exports(&String::from_utf8_lossy(&dumped.stdout)),
            ["handclasp_plugin"]
        );
    }
}

/// The names in `objdump`'s table of exports.
fn exports(dumped: &str) -> Vec<&str> {
    let (_, table) = dumped
        .split_once("[Ordinal/Name Pointer] Table")
        .expect("a DLL has exports");
    let lines = table
        .lines()
        .skip(1)
        .take_while(|line| line.trim_start().starts_with('['));
    lines
        .filter_map(|line| line.split_whitespace().last())
        .collect()
}
