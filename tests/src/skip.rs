//! Tests that need more than every machine has.
use std::io::Write as _;
use std::process::Command;

/// What a test needs and this machine lacks.
#[derive(Clone, Debug)]
pub struct Lacking(
    /// What, and what to do about it.
    pub String,
);

/// Says aloud that a test is skipped; in continuous integration, where nothing may lack, fails it.
///
/// # Panics
/// With `CI=true`.
pub fn skip(test: &str, Lacking(what): &Lacking) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} must not be skipped here: {what}"
    );
    // Not eprintln!, which is shown for failing tests only.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {what}");
}

/// Whether a tool is here, which this Debian package has; if not, says so as [`skip`] does.
///
/// # Panics
/// With `CI=true`, if it is not.
pub fn is_here(tool: &str, package: &str) -> bool {
    let here = Command::new(tool).arg("--version").output().is_ok();
    if !here {
        let lacking = Lacking(format!("{tool} is missing: install {package}"));
        skip("what needs it", &lacking);
    }
    here
}
