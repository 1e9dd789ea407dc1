use std::io::Write as _;

/// What a test needs and this machine lacks, as a sentence that names the remedy.
#[derive(Clone, Debug)]
pub struct Lacking(pub String);

/// Says aloud that a test is skipped; in continuous integration, where nothing may lack, fails it.
///
/// # Panics
/// In continuous integration.
pub fn skip(test: &str, Lacking(what): &Lacking) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} must not be skipped here: {what}"
    );
    // Not eprintln!, which is shown for failing tests only.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {what}");
}
