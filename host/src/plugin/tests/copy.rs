use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::fixture::{Source, directory, directory_of};
use crate::plugin::{CopyError, Plugin, PrivateCopies, Refusal, Services, VetError, vet};
use std::sync::Arc;

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
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    assert_eq!(copy.sha256(), sha256(&found.path));
    assert_eq!(copy.sha256(), sha256(copy.path()));
    assert_eq!(
        copy.path().file_stem().and_then(|stem| stem.to_str()),
        Some(copy.sha256())
    );
    assert_eq!(*copy.plugin(), found);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(copy.path()), 0o500);
    assert_eq!(mode(copy.path().parent().expect("a file has one")), 0o700);
}

#[test]
fn the_same_content_is_the_same_copy_and_another_is_another() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::on_disk();
    let first = copies.copy(&found).expect("there is room");
    let inode = |path: &Path| path.metadata().expect("it is there").ino();
    let kept = inode(first.path());
    let again = copies.copy(&found).expect("there is room");
    assert_eq!(first.path(), again.path());
    assert_eq!(inode(again.path()), kept);

    Source {
        version: b"1.1",
        ..Source::default()
    }
    .compile(directory.path(), "a.so");
    let newer = copies.copy(&found).expect("there is room");
    assert_ne!(newer.path(), first.path());
    assert_eq!(newer.plugin().version, "1.1");
    assert!(first.path().exists());
    let files = fs::read_dir(first.path().parent().expect("a file has one"))
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
    let error = PrivateCopies::new().copy(&found).expect_err("changed");
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
    let error = PrivateCopies::new().copy(&found).expect_err("changed");
    assert!(matches!(error, CopyError::Refused(_)), "{error:?}");
}

#[test]
fn the_directory_goes_with_its_owner_and_comes_back_if_tidied_away() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    let place = copy.path().parent().expect("a file has one").to_owned();
    fs::remove_dir_all(&place).expect("it is ours");
    assert_eq!(
        copies.copy(&found).expect("there is room").path(),
        copy.path()
    );
    drop((copies, copy));
    assert!(!place.exists());
}

#[test]
fn no_place_for_a_copy_is_told_with_the_way_out() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    let place = copy.path().parent().expect("a file has one");
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

#[test]
fn a_copy_in_memory_can_be_changed_by_no_one_and_goes_by_its_descriptor() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copy = PrivateCopies::new().copy(&found).expect("there is room");
    assert!(copy.path().starts_with("/proc"), "{:?}", copy.path());
    assert_eq!(copy.sha256(), sha256(copy.path()));
    let written = fs::OpenOptions::new().write(true).open(copy.path());
    let written = written.and_then(|mut file| std::io::Write::write_all(&mut file, b"x"));
    assert!(written.is_err(), "it is sealed");
    let truncated = fs::OpenOptions::new()
        .write(true)
        .open(copy.path())
        .and_then(|file| file.set_len(1));
    assert!(truncated.is_err(), "it is sealed");
}

#[test]
fn other_content_in_memory_is_another_image_though_all_descriptors_were_closed() {
    let directory = directory();
    let versions: [&[u8]; 3] = [b"1.0", b"1.1", b"1.2"];
    let mut seen = Vec::new();
    for version in versions {
        let example = Source {
            version,
            code: Some(Box::leak(working(version).into_boxed_str())),
            ..Source::default()
        };
        example.compile(directory.path(), "a.so");
        let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
        // Dropped at once: the next copy's descriptor might have the same number.
        let copy = PrivateCopies::new().copy(&found).expect("there is room");
        let plugin = Plugin::open(&copy, &Arc::new(Services::default()));
        let plugin = plugin.unwrap_or_else(|error| panic!("{error}"));
        seen.push(plugin.description().version.clone());
    }
    assert_eq!(seen, ["1.0", "1.1", "1.2"]);
}

/// A plugin that can be opened.
fn working(version: &[u8]) -> String {
    let version = String::from_utf8_lossy(version);
    format!(
        "#include \"{}/../include/handclasp.h\"
        static hc_status init(const hc_host *h, const hc_init *i, const hc_call *c, void **p)
        {{ (void)h; (void)i; (void)c; *p = 0; return HC_FINISHED; }}
        static hc_status ready(void *p, const hc_call *c) {{ (void)p; (void)c; return HC_PENDING; }}
        static hc_status hear(void *p, hc_bytes d, const hc_call *c) {{ (void)p; (void)d; (void)c; return HC_PENDING; }}
        static void destroy(void *p) {{ (void)p; }}
        HC_PLUGIN(\"echo\", \"{version}\", 0, HC_ABOUT(\"Echo\", \"Handclasp\", \"MIT\", \"For tests\"),
            HC_DATA_TYPES(NULL, NULL), HC_NO_OPTIONS, HC_NO_EXTENSIONS, HC_FUNCTIONS(init, ready, hear, destroy));",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn a_copy_that_was_changed_is_not_mapped() {
    let directory = directory();
    let example = Source {
        code: Some(Box::leak(working(b"1.0").into_boxed_str())),
        ..Source::default()
    };
    example.compile(directory.path(), "a.so");
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let open = |copy| Plugin::open(copy, &Arc::new(Services::default())).map(drop);
    let refused = |copy| open(copy).expect_err("it was exchanged").to_string();
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    let place = copy.path().parent().expect("a file has one");
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let error = refused(&copy);
    assert!(error.contains("others can enter"), "{error}");
    fs::set_permissions(place, fs::Permissions::from_mode(0o700)).expect("it is ours");
    // Something else lies under the name that the copy has, or will have.
    let kept = fs::read(copy.path()).expect("it is there");
    fs::remove_file(copy.path()).expect("it is ours");
    fs::write(copy.path(), [&kept[..], b"more"].concat()).expect("it is ours");
    let again = copies.copy(&found).expect("there is room");
    for copy in [&copy, &again] {
        let error = refused(copy);
        assert!(error.contains("has been changed"), "{error}");
    }
    fs::remove_file(copy.path()).expect("it is ours");
    let again = copies.copy(&found).expect("there is room");
    assert_eq!(again.path(), copy.path());
    open(&again).expect("nothing is wrong with it");
}

#[test]
fn a_link_in_place_of_the_directory_is_refused() {
    let directory = directory_of(&[("echo", "a.so")]);
    let found = vet(&directory.path().join("a.so")).expect("nothing is wrong with it");
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).expect("there is room");
    let place = copy.path().parent().expect("a file has one");
    let elsewhere = tempfile::tempdir().expect("the temporary directory is writable");
    fs::remove_dir_all(place).expect("it is ours");
    std::os::unix::fs::symlink(elsewhere.path(), place).expect("it is ours");
    let error = copies
        .copy(&found)
        .expect_err("it leads elsewhere")
        .to_string();
    fs::remove_file(place).expect("it is ours");
    assert!(error.contains("cannot make a private directory"), "{error}");
    let entries = elsewhere.path().read_dir().expect("it is ours");
    assert_eq!(entries.count(), 0);
}
