use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::process::Command;

use super::fixture::{Source, directory, directory_of, set_mode};
use crate::plugin::{Found, MAX_LIBRARY_BYTES, Refusal, VetError, vet};

fn refused(path: &Path) -> VetError {
    let Refusal { file, error } = vet(path).expect_err("it must be refused");
    assert_eq!(file, path);
    error
}

#[test]
fn a_good_library_is_taken() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    let found = Found {
        path: path.clone(),
        id: "echo".into(),
        version: "1.0".into(),
        flags: 1,
    };
    assert_eq!(vet(&path).expect("nothing is wrong with it"), found);
}

#[test]
fn a_refusal_names_file_cause_and_remedy() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    set_mode(&path, 0o664);
    let sentence = vet(&path).expect_err("its group may write").to_string();
    let expected = format!(
        "{} can be changed by other users (its mode is 0664): run `chmod go-w` on it",
        path.display()
    );
    assert_eq!(sentence, expected);
}

#[test]
fn a_file_others_can_write_is_refused() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    set_mode(&path, 0o757);
    assert!(matches!(refused(&path), VetError::Writable { mode: 0o757 }));
}

#[test]
fn a_directory_others_can_write_is_refused_unless_sticky() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    for mode in [0o777, 0o770] {
        set_mode(directory.path(), mode);
        assert!(matches!(refused(&path), VetError::DirectoryWritable { .. }));
    }
    set_mode(directory.path(), 0o1777);
    vet(&path).expect("only its owner can replace it");
}

#[test]
fn a_link_is_followed_and_both_its_ends_are_checked() {
    let (links, files) = (directory(), directory_of(&[("echo", "a.so")]));
    let (link, file) = (links.path().join("link.so"), files.path().join("a.so"));
    symlink(&file, &link).expect("it is ours");
    assert_eq!(vet(&link).expect("nothing is wrong with it").path, link);

    set_mode(files.path(), 0o777);
    assert!(matches!(refused(&link), VetError::DirectoryWritable { .. }));
    set_mode(files.path(), 0o700);
    set_mode(links.path(), 0o777);
    assert!(matches!(refused(&link), VetError::DirectoryWritable { .. }));
    set_mode(links.path(), 0o700);
    set_mode(&file, 0o666);
    assert!(matches!(refused(&link), VetError::Writable { .. }));
    fs::remove_file(&file).expect("it is ours");
    assert!(matches!(refused(&link), VetError::Unreadable(_)));
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = directory();
    let (folder, pipe) = (directory.path().join("a.so"), directory.path().join("b.so"));
    fs::create_dir(&folder).expect("it is ours");
    assert!(matches!(refused(&folder), VetError::NotRegular));
    // Opening it would block this test for ever.
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("POSIX has mkfifo")
            .success()
    );
    assert!(matches!(refused(&pipe), VetError::NotRegular));
}

#[test]
fn a_huge_file_is_refused() {
    let directory = directory();
    let path = directory.path().join("a.so");
    let file = File::create(&path).expect("it is ours");
    set_mode(&path, 0o644);
    file.set_len(MAX_LIBRARY_BYTES + 1)
        .expect("sparse files need no room");
    assert!(matches!(refused(&path), VetError::TooLarge { .. }));
}

#[test]
fn a_stranger_s_file_or_directory_is_refused() {
    // Only root can give files away; the rule itself is tested beside it, for every user.
    if !rustix::process::geteuid().is_root() {
        let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !in_ci,
            "run the tests as root: this one must not be skipped here"
        );
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    chown(&path, Some(54321), None).expect("this is root");
    assert!(matches!(refused(&path), VetError::Owner { owner: 54321 }));
    chown(directory.path(), Some(54321), None).expect("this is root");
    assert!(matches!(
        refused(&path),
        VetError::DirectoryOwner { owner: 54321, .. }
    ));
}

#[test]
fn a_missing_file_is_named() {
    let directory = directory();
    let path = directory.path().join("none.so");
    assert!(matches!(refused(&path), VetError::Unreadable(_)));
}

#[test]
fn a_relative_path_has_a_directory_too() {
    let directory = directory();
    Source::default().compile(directory.path(), "a.so");
    // The tests' working directory cannot be changed for one of them; a path through it can be named.
    let depth = std::env::current_dir()
        .expect("there is one")
        .components()
        .count()
        - 1;
    let relative = Path::new(&"../".repeat(depth))
        .join(directory.path().strip_prefix("/").expect("absolute"))
        .join("a.so");
    assert!(relative.is_relative());
    vet(&relative).expect("nothing is wrong with it");
}
