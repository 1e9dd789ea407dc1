use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::fixture::{Source, directory_of};
use crate::plugin::{CopyError, PrivateCopies, Refusal, VetError, vet};

fn sha256(path: &Path) -> String {
    let content = fs::read(path).expect("it is there");
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_copy_is_named_by_its_content_and_can_be_changed_by_no_one() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::new().expect("there is room");
    let copy = copies.copy(&found).expect("there is room");
    assert_eq!(copy.sha256, sha256(&found.path));
    assert_eq!(copy.sha256, sha256(&copy.path));
    assert_eq!(
        copy.path.file_stem().and_then(|stem| stem.to_str()),
        Some(copy.sha256.as_str())
    );
    assert_eq!(copy.plugin, found);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&copy.path), 0o500);
    assert_eq!(mode(copy.path.parent().expect("a file has one")), 0o700);
}

#[test]
fn the_same_content_is_the_same_copy_and_another_is_another() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::new().expect("there is room");
    let first = copies.copy(&found).expect("there is room");
    let inode = |path: &Path| path.metadata().expect("it is there").ino();
    let kept = inode(&first.path);
    let again = copies.copy(&found).expect("there is room");
    assert_eq!(first.path, again.path);
    assert_eq!(inode(&again.path), kept);

    Source {
        version: b"1.1",
        ..Source::default()
    }
    .compile(directory.path(), "a.so");
    let newer = copies.copy(&found).expect("there is room");
    assert_ne!(newer.path, first.path);
    assert_eq!(newer.plugin.version, "1.1");
    assert!(first.path.exists());
    let files = fs::read_dir(first.path.parent().expect("a file has one"))
        .expect("ours")
        .count();
    assert_eq!(
        files, 3,
        "beside the lock, what was not kept is left behind"
    );
}

#[test]
fn another_plugin_in_its_place_is_refused() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    Source {
        id: "other",
        ..Source::default()
    }
    .compile(directory.path(), "a.so");
    let error = PrivateCopies::new()
        .and_then(|copies| copies.copy(&found))
        .expect_err("changed");
    let exchanged = matches!(
        &error,
        CopyError::Refused(Refusal { error: VetError::Exchanged { expected, id }, .. })
            if expected == "echo" && id == "other"
    );
    assert!(exchanged, "{error:?}");
}

#[test]
fn a_library_that_became_unsafe_is_refused() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    fs::write(&found.path, "text").expect("it is ours");
    let error = PrivateCopies::new()
        .and_then(|copies| copies.copy(&found))
        .expect_err("changed");
    assert!(matches!(error, CopyError::Refused(_)), "{error:?}");
}

#[test]
fn the_directory_goes_with_its_owner_and_comes_back_if_tidied_away() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::new().expect("there is room");
    let copy = copies.copy(&found).expect("there is room");
    let place = copy.path.parent().expect("a file has one").to_owned();
    fs::remove_dir_all(&place).expect("it is ours");
    assert_eq!(copies.copy(&found).expect("there is room").path, copy.path);
    drop(copies);
    assert!(!place.exists());
}

#[test]
fn no_place_for_a_copy_is_told_with_the_way_out() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::new().expect("there is room");
    let place = copies.copy(&found).expect("there is room").path;
    let place = place.parent().expect("a file has one");
    fs::remove_dir_all(place).expect("it is ours");
    fs::write(place, "in the way").expect("it is ours");
    let text = copies
        .copy(&found)
        .expect_err("a file is in the way")
        .to_string();
    fs::remove_file(place).expect("it is ours");
    assert!(
        text.contains(&place.display().to_string()) && text.contains("TMPDIR"),
        "{text}"
    );
}
