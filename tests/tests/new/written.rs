//! What lies on the disk.
use crate::project::{Language, ROOT, new, project};
use handclasp_tests::program;
use std::env::consts::DLL_EXTENSION;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn mode(path: &Path) -> u32 {
    let metadata = path.metadata().expect("it was just made");
    metadata.permissions().mode() & 0o7777
}

#[test]
fn make_leaves_one_library_that_a_host_may_open() {
    for language in Language::here() {
        let project = project(language);
        let entries = fs::read_dir(project.directory()).expect("it was made");
        let files = entries.map(|entry| entry.expect("it is readable").path());
        let libraries: Vec<_> = files
            .filter(|file| file.extension() == Some(OsStr::new(DLL_EXTENSION)))
            .collect();
        assert_eq!(libraries, [project.library()]);
        assert_eq!(mode(&project.library()), 0o755);
        assert_eq!(mode(&project.directory()), 0o755);
    }
}

#[test]
fn no_placeholder_is_left() {
    for language in Language::here() {
        let directory = project(language).directory();
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
        for file in [
            "plugin.c",
            "plugin.cpp",
            "src/lib.rs",
            "Makefile",
            "Cargo.toml",
        ] {
            let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
            let pieces: Vec<_> = text.split('@').collect();
            let inner = pieces.iter().skip(1).take(pieces.len().saturating_sub(2));
            let left: Vec<_> = inner
                .filter(|piece| !piece.is_empty() && piece.chars().all(is_name))
                .collect();
            assert!(left.is_empty(), "{file} of {language:?}: {left:?}");
        }
    }
}

#[test]
fn a_parent_with_an_odd_name_is_no_obstacle() {
    let scratch = tempfile::tempdir().expect("the system's temporary directory is writable");
    let parent = "it's an $odd #place";
    let output = new(scratch.path(), &["--lang", "c", "odd", "--dir", parent]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.starts_with(&format!("Made the directory {parent}\n")),
        "{printed}"
    );
    assert!(
        printed.contains(r"cd 'it'\''s an $odd #place/odd'"),
        "{printed}"
    );
    assert!(scratch.path().join(parent).join("odd/plugin.c").is_file());
}

#[test]
fn a_build_tree_that_was_moved_has_its_header_with_it() {
    let scratch = tempfile::tempdir().expect("the system's temporary directory is writable");
    let tree = scratch
        .path()
        .canonicalize()
        .expect("it was just made")
        .join("moved");
    for (from, to) in [
        ("include/handclasp.h", "include/handclasp.h"),
        ("plugin-api/Cargo.toml", "plugin-api/Cargo.toml"),
    ] {
        let to = tree.join(to);
        fs::create_dir_all(to.parent().expect("it has one")).expect("it is ours");
        fs::copy(Path::new(ROOT).join(from), to).expect("it is part of the tree");
    }
    let moved = tree.join("target/release/handclasp");
    fs::create_dir_all(moved.parent().expect("it has one")).expect("it is ours");
    // By another process: one that this one starts meanwhile would hold what it writes open, and nobody could start it.
    let copied = Command::new("cp").arg(program()).arg(&moved).status();
    assert!(copied.is_ok_and(|copied| copied.success()));
    let output = Command::new(moved)
        .args(["new", "--lang", "c", "mine"])
        .current_dir(scratch.path())
        .output()
        .expect("it is there");
    assert!(output.status.success(), "{output:?}");
    let makefile = fs::read_to_string(scratch.path().join("mine/Makefile"));
    let makefile = makefile.expect("it was just written");
    let include = format!("HEADER := -I{}\n", tree.join("include").display());
    assert!(makefile.contains(&include), "{makefile}");
}

#[test]
fn json_says_the_same() {
    let scratch = tempfile::tempdir().expect("the system's temporary directory is writable");
    let output = new(scratch.path(), &["--lang", "rust", "mine", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(said["plugin"], "mine");
    assert_eq!(said["directory"], "mine");
    assert_eq!(said["files"][0], "src/lib.rs");
    assert_eq!(said["next"][1], "make");
}
