//! Tests that need more than every machine has.
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;
use std::{env, io, thread};

/// Names the file that gathers what was left out: for each test that lacks something, a line with what it is, a tab,
/// and the test. `make test` makes a list of it.
const LEFT_OUT: &str = "HANDCLASP_LEFT_OUT";

/// What a test needs and this machine lacks.
#[derive(Clone, Debug)]
pub struct Lacking(
    /// What, and what to do about it: the same words wherever it is the same.
    pub String,
);

impl Lacking {
    /// A tool that is not there, which this Debian package has.
    pub fn tool(tool: &str, package: &str) -> Self {
        Self(format!("{tool} is missing: install {package}"))
    }
}

/// Says aloud that a test is skipped; in continuous integration, where nothing may lack, fails it.
///
/// # Panics
/// With `CI=true`.
pub fn skip(test: &str, Lacking(what): &Lacking) {
    assert!(
        env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} must not be skipped here: {what}"
    );
    // Not eprintln!, which is shown for failing tests only.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {what}");
    if let Some(file) = env::var_os(LEFT_OUT) {
        let line = format!("{what}\t{}\n", test_name().as_deref().unwrap_or(test));
        // In one write: other processes append to it, too.
        let file = OpenOptions::new().append(true).create(true).open(file);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the file of what was left out is writable");
    }
}

/// The program of this test and the test's name, if it runs on a thread of its own.
fn test_name() -> Option<String> {
    let program = env::current_exe().ok()?;
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main")?;
    Some(format!("{} {name}", program.file_stem()?.display()))
}

/// Whether a tool can be run, which this Debian package has; if not, says so as [`skip`] does.
///
/// # Panics
/// With `CI=true`, if it cannot.
pub fn is_here(tool: &str, package: &str) -> bool {
    is_had(need(tool, package))
}

/// # Errors
/// This tool cannot be run, which this Debian package has.
pub fn need(tool: &str, package: &str) -> Result<(), Lacking> {
    let ran = Command::new(tool).arg("--version").output();
    ran.map(drop).map_err(|_| Lacking::tool(tool, package))
}

/// Whether that is there; if not, says so as [`skip`] does.
///
/// # Panics
/// With `CI=true`, if it is not.
pub fn is_had<T>(needed: Result<T, Lacking>) -> bool {
    let lacking = needed.err();
    lacking.iter().for_each(|it| skip("what needs it", it));
    lacking.is_none()
}
