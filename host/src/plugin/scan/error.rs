//! How a library fares that is no plugin to be opened.
use std::io;

/// Why a library is refused by a scanner. Each text continues a sentence whose subject is the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// What [`Plugin::open`](super::Plugin::open) found in the scanner's process.
    #[error("{0}")]
    Refused(String),
    /// The system maps nothing from where the copy is.
    #[error("{0}")]
    NotMapped(String),
    /// A signal ended the process.
    #[error(
        "crashes {during} ({signal}{said}): build it again, or run `handclasp check` on it and report this to its author"
    )]
    Crashes {
        /// What was being done.
        during: &'static str,
        /// The signal's name.
        signal: String,
        /// Its last words, in parentheses' style, or nothing.
        said: String,
    },
    /// It called `exit`, or the system's linker did.
    #[error(
        "ends the process {during} (exit code {code}{said}): build it again, or report this to its author"
    )]
    Ends {
        /// What was being done.
        during: &'static str,
        /// The exit code.
        code: i32,
        /// Its last words, in parentheses' style, or nothing.
        said: String,
    },
    /// It did not return in time.
    #[error(
        "does not return {during} within {seconds} s: let it do there no more than it must, or report this to its author"
    )]
    Hangs {
        /// What was being done.
        during: &'static str,
        /// How long that was waited for.
        seconds: f64,
    },
    /// What came over the pipe is no report.
    #[error(
        "makes the scanner answer nonsense ({0}): build it again, or report this to its author"
    )]
    Nonsense(&'static str),
    /// The scanner could not be started.
    #[error("cannot be looked at: the scanner {program} cannot be run ({error})")]
    Scanner {
        /// The program.
        program: String,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
}
