//! The project's own plugins, and plugins in general.
use crate::skip::Lacking;
use handclasp::plugin::{Plugin, PrivateCopies, vet};
use std::collections::HashMap;
use std::env::consts::{DLL_SUFFIX, EXE_EXTENSION};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// Where `make` leaves what it builds. Built first, once per process: a test is not to pass for an older host or
/// plugin than its own tree's.
///
/// # Panics
/// The build fails, which says why.
pub fn release() -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let mut make = Command::new("make");
        make.args(["-s", "build"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("CARGO_TARGET_DIR", target_directory());
        // The make that runs these tests has its own, and so has the cargo: build scripts that look at the names of
        // their crate would run anew for every crate with tests.
        let is_of_make = |name: &str| ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"].contains(&name);
        let is_of_crate =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in names.filter(|name| is_of_make(name) || is_of_crate(name)) {
            make.env_remove(name);
        }
        let made = make.status().is_ok_and(|status| status.success());
        assert!(
            made,
            "`make build` fails, and with it what needs its outcome"
        );
    });
    target_directory().join("release")
}

/// The command `handclasp`.
pub fn program() -> PathBuf {
    release().join("handclasp").with_extension(EXE_EXTENSION)
}

/// The directory of the project's plugins.
pub fn plugins() -> PathBuf {
    release().join("plugins")
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
        Lacking(format!(
            "{id} is not built: install libssl-dev and pkg-config"
        ))
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
        let copy = PrivateCopies::new()
            .copy(&found)
            .unwrap_or_else(|error| panic!("{error}"));
        Plugin::open(&copy, &Arc::default()).unwrap_or_else(|error| panic!("{error}"))
    };
    let known = loaded.get_or_insert_default().entry(file.to_owned());
    Arc::clone(known.or_insert_with(open))
}
