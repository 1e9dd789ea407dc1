//! Why a plugin cannot be used: the errors of each step, gathered.
use super::catalogue::FindError;
use super::copy::CopyError;
use super::open_error::OpenError;
use super::option_error::OptionError;
use super::vet_error::Refusal;

/// What can go wrong from looking for a plugin to its first instance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such plugin.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The library must not be used.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The library could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The library could not be opened, or is not what it should be.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is still being opened.
    #[error(
        "plugin {plugin} has not been opened within {seconds} s: its constructors or its load wait for something; \
         see what that is, or report this to its author"
    )]
    Overdue {
        /// The plugin's id.
        plugin: String,
        /// How long it was waited for.
        seconds: f64,
    },
    /// The options given do not fit those declared.
    #[error(transparent)]
    Options(#[from] OptionError),
}
