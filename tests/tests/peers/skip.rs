use std::io::Write as _;

/// What a test needs and this machine lacks.
#[derive(Clone, Debug)]
pub(crate) struct Lacking(pub(crate) String);

/// Says aloud that a test is skipped; in continuous integration, where nothing may lack, fails it.
pub(crate) fn skip(test: &str, Lacking(what): &Lacking) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} must not be skipped here: {what}"
    );
    // Not eprintln!, which is shown for failing tests only.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {what}");
}
