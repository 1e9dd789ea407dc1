//! The units for systemd.
use handclasp_tests::{need, program, skip};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if let Err(lacking) = need("systemd-analyze", "systemd") {
        return skip("systemd_finds_nothing_wrong_with_the_units", &lacking);
    }
    let place = tempfile::tempdir().expect("there is room");
    let prefix = place.path();
    fs::create_dir(prefix.join("bin")).expect("there is room");
    symlink(program(), prefix.join("bin/handclasp")).expect("it is new");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    let service = fs::read_to_string(units.join("handclasp.service.in")).expect("it is there");
    let service = service.replace("@PREFIX@", prefix.to_str().expect("it is text"));
    fs::write(prefix.join("handclasp.service"), service).expect("there is room");
    let socket = prefix.join("handclasp.socket");
    fs::copy(units.join("handclasp.socket"), &socket).expect("there is room");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args([prefix.join("handclasp.service"), socket])
        .output()
        .expect("it is there");
    let told = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "{told}");
    // It warns of a key that it does not know, and is content.
    assert!(!told.contains("Unknown"), "{told}");
}
