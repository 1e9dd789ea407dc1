//! Secrets: what is written in the file, and what only names where they are.
use handclasp::files;
use std::env::{self, VarError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub Zeroizing<String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the configuration itself.
    Text(Hidden),
    /// In a file, without the end of its last line.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

/// Why a secret cannot be had; one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file that has it.
    #[error("{} cannot be read ({error}): name a text file that this user may read and others cannot change", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's reason, or whom else it belongs to.
        #[source]
        error: io::Error,
    },
    /// The variable that has it.
    #[error("the environment's {variable} cannot be used ({error}): set it to the secret")]
    Env {
        /// The variable.
        variable: String,
        /// It is not set, or no text.
        #[source]
        error: VarError,
    },
    /// It is there, and is none.
    #[error("{what} is too short: it needs at least {least} characters")]
    Short {
        /// Where it was.
        what: String,
        /// How many it needs.
        least: usize,
    },
}

impl SecretSource {
    /// The secret itself. This reads a file.
    ///
    /// # Errors
    /// There is no such file or variable, or no text in it.
    pub fn read(&self) -> Result<Zeroizing<String>, SecretError> {
        match self {
            Self::Text(Hidden(text)) => Ok(text.clone()),
            Self::File(file) => read(file),
            Self::Env(variable) => {
                env::var(variable)
                    .map(Zeroizing::new)
                    .map_err(|error| SecretError::Env {
                        variable: variable.clone(),
                        error,
                    })
            }
        }
    }
}

/// The text in `file`, without the end of its last line.
pub(super) fn read(file: &Path) -> Result<Zeroizing<String>, SecretError> {
    let bytes = files::read(file);
    let text = bytes.and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.strip_suffix('\n').unwrap_or(text);
        Ok(Zeroizing::new(
            line.strip_suffix('\r').unwrap_or(line).to_owned(),
        ))
    });
    text.map_err(|error| SecretError::File {
        file: file.to_owned(),
        error,
    })
}
