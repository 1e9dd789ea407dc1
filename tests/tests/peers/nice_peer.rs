//! The C peer on libnice, built once.
use handclasp_tests::{Lacking, target_directory};
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::OnceLock;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/nice_peer.c");
const FLAGS: [&str; 5] = ["-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

pub(crate) fn nice_peer() -> Result<PathBuf, Lacking> {
    static BUILT: OnceLock<Result<PathBuf, Lacking>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, Lacking> {
    let libraries = libraries()?;
    let directory = target_directory().join("tmp");
    fs::create_dir_all(&directory).expect("the target directory is writable");
    let peer = directory.join("nice_peer");
    // Another process may be at it, too: each writes its own file, and renaming is atomic.
    let own = directory.join(format!("nice_peer.{}", process::id()));
    let compiled = Command::new("cc")
        .args(FLAGS)
        .arg(SOURCE)
        .arg("-o")
        .arg(&own)
        .args(libraries.split_whitespace())
        .status()
        .map_err(|_| Lacking::tool("cc", "gcc"))?;
    assert!(compiled.success(), "cc refused {SOURCE}");
    fs::rename(&own, &peer).expect("both are in one directory of ours");
    Ok(peer)
}

fn libraries() -> Result<String, Lacking> {
    let told = Command::new("pkg-config")
        .args(["--cflags", "--libs", "nice", "json-glib-1.0"])
        .output();
    let told = told.ok().filter(|told| told.status.success());
    let told = told.ok_or_else(|| {
        let packages = "pkg-config, libnice-dev and libjson-glib-dev";
        Lacking(format!("libnice is missing: install {packages}"))
    })?;
    Ok(String::from_utf8(told.stdout).expect("compiler flags are UTF-8"))
}
