//! The project's own plugins, and plugins in general.
use crate::skip::Lacking;
use handclasp::plugin::{Plugin, PrivateCopies, Services, vet};
use std::collections::HashMap;
use std::env::consts::DLL_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// The plugins these tests rely on.
const NEEDED: [&str; 2] = ["none", "dtls-srtp"];

/// The directory where `make` leaves the plugins. Runs `make plugins` if they are not there, once.
pub fn plugins() -> PathBuf {
    static BUILT: Once = Once::new();
    let directory = target_directory().join("release/plugins");
    let is_there = |id: &str| directory.join(format!("{id}{DLL_SUFFIX}")).is_file();
    BUILT.call_once(|| {
        if !NEEDED.into_iter().all(is_there) {
            make();
        }
    });
    directory
}

fn make() {
    let made = Command::new("make")
        .args(["-s", "plugins"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("CARGO_TARGET_DIR", target_directory())
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "these tests need the plugins {NEEDED:?}: run `make plugins`, which says why it fails"
    );
}

/// Where cargo builds, wherever that is: it marks the place.
pub fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test is run from a file");
    test.ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .expect("cargo puts tests below its target directory")
        .to_owned()
}

/// The library of one of the project's plugins, or why it is not there.
///
/// # Errors
/// Its build needs what this machine has not.
pub fn built(id: &str) -> Result<PathBuf, Lacking> {
    let file = plugins().join(format!("{id}{DLL_SUFFIX}"));
    let lacking = || {
        let cause = "install what `make plugins` says it needs";
        Lacking(format!("{id} is not built: {cause}"))
    };
    file.is_file().then_some(file).ok_or_else(lacking)
}

/// One of the project's plugins.
pub fn plugin(id: &str) -> Arc<Plugin> {
    load(&plugins().join(format!("{id}{DLL_SUFFIX}")))
}

/// Opens a library as a host does, once per process.
pub fn load(file: &Path) -> Arc<Plugin> {
    static LOADED: Mutex<Option<HashMap<PathBuf, Arc<Plugin>>>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let open = || {
        let found = vet(file).unwrap_or_else(|refusal| panic!("{refusal}"));
        let copies = PrivateCopies::new().unwrap_or_else(|error| panic!("{error}"));
        let copy = copies
            .copy(&found)
            .unwrap_or_else(|error| panic!("{error}"));
        Plugin::open(&copy, Arc::new(Services::default())).unwrap_or_else(|error| panic!("{error}"))
    };
    let known = loaded.get_or_insert_default().entry(file.to_owned());
    Arc::clone(known.or_insert_with(open))
}
