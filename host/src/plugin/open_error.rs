//! Why a library that was vetted cannot be used after all.
use super::linker::LinkError;
use super::scan::ScanError;
use handclasp_abi as abi;
use std::path::PathBuf;

/// Why a library that passed vetting cannot be used after all.
#[derive(Debug, thiserror::Error)]
#[error("{} {cause}", file.display())]
pub struct OpenError {
    pub(super) file: PathBuf,
    pub(super) cause: Cause,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("{0}")]
    Open(LinkError),
    #[error(
        "was built with a sanitizer whose runtime must be in a process from its start: build it without `-fsanitize`, \
         start this host with LD_PRELOAD={0}, or look for faults with `handclasp check`"
    )]
    Sanitizer(String),
    #[error(
        "cannot be kept for opening ({0}): start again, with files left to open and with a TMPDIR that is nobody else's"
    )]
    Keep(#[source] std::io::Error),
    /// What a scanner found.
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("changed while it was being opened; try again")]
    Changed,
    #[error("has no {0} in its descriptor; fill it in and rebuild the plugin")]
    Missing(&'static str),
    #[error("has a {0} that is not UTF-8 text of at most {MAX_TEXT} bytes; correct its descriptor")]
    Text(&'static str),
    #[error(
        "has an {0} with spaces or control characters around or in it ({1:?}); correct its descriptor"
    )]
    Spaces(&'static str, String),
    #[error("declares {0} {1}, more than {2}; correct its descriptor")]
    TooMany(usize, &'static str, usize),
    #[error(
        "declares option {0:?} with an unknown type or flag; rebuild it against this host's handclasp.h"
    )]
    Option(String),
    #[error("requires extension {0}, which this host does not have; use a newer host")]
    Required(String),
    #[error(
        "has a table for {id} of {found} bytes instead of {expected}; rebuild it against this host's handclasp.h"
    )]
    TableSize {
        id: String,
        found: u32,
        expected: usize,
    },
    #[error("declares {0} without a table; give it one and rebuild the plugin")]
    NoTable(String),
    #[error("has a table for {0} that lacks a function; fill it in and rebuild the plugin")]
    TableEntry(String),
    #[error(
        "was built with types of another layout; rebuild it with this host's handclasp-plugin crate ({0})"
    )]
    Layout(String),
    #[error(
        "cannot be used: its load failed ({0}); put right what it needs, which its log may say, or ask its author"
    )]
    Load(&'static str),
    #[error(
        "cannot be used: its load answered {0}, which the contract does not allow; report this to its author"
    )]
    LoadStatus(abi::hc_status),
}

/// Longest text a descriptor may point to, in bytes.
pub(super) const MAX_TEXT: usize = 4096;

pub(super) const MAX_OPTIONS: usize = 256;

pub(super) const MAX_EXTENSIONS: usize = 64;

/// What the system's linker says; the error itself names only the call.
pub(super) fn system_reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
