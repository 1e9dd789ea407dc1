//! The program under test.
use std::path::PathBuf;

/// `handclasp`, as it was built with the same profile as these tests.
pub(crate) fn program() -> PathBuf {
    let file = release().join("handclasp");
    assert!(
        file.is_file(),
        "{} is missing: run `make build`, then the tests with --release",
        file.display()
    );
    file
}

/// The directory of the profile, in cargo's target directory.
pub(crate) fn release() -> PathBuf {
    let test = std::env::current_exe().expect("a test is run from a file");
    let directory = test.ancestors().nth(2);
    directory
        .expect("cargo puts tests two below its profile's directory")
        .to_owned()
}
