//! Why a plugin is not used although it could be.
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a plugin must not be used; one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Another file than the one that is listed under its id and version.
    #[error(
        "{plugin} has changed: its SHA-256 is {}, and {} lists {}; put the listed file back, or if the new one is meant, \
         list it with `{}`",
        plugin.sha256,
        plugin.lock.display(),
        listed.join(" and "),
        plugin.command()
    )]
    Changed {
        /// The plugin there is.
        plugin: Box<LookedUp>,
        /// The digests of this version that are listed.
        listed: Vec<String>,
    },
    /// Neither its id nor its version.
    #[error(
        "{plugin} with the SHA-256 {} is not in {}: if it is meant, list it with `{}`",
        plugin.sha256,
        plugin.lock.display(),
        plugin.command()
    )]
    Unlisted {
        /// The plugin there is.
        plugin: Box<LookedUp>,
    },
    /// Nobody who is trusted has signed it.
    #[error("plugin {} cannot be trusted: {reason}", file.display())]
    NotSigned {
        /// The plugin's file.
        file: PathBuf,
        /// What is wrong with its signature.
        #[source]
        reason: NotSigned,
    },
}

/// What is wrong with a plugin's signature. Each text continues a sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// There is none.
    #[error("it has no signature {}: sign it with `minisign -S -m` and its path, or get the signature from whom the plugin is from", signature.display())]
    Missing {
        /// Where it is looked for.
        signature: PathBuf,
    },
    /// The signature cannot be read.
    #[error("its signature {} cannot be read ({error}): put a file of root's or of this user's there", signature.display())]
    Unreadable {
        /// Where it is.
        signature: PathBuf,
        /// The system's reason, or whom else it belongs to.
        #[source]
        error: io::Error,
    },
    /// There is something else.
    #[error("{} is no signature of minisign: sign the plugin again with `minisign -S`", signature.display())]
    NoSignature {
        /// Where it is.
        signature: PathBuf,
    },
    /// The signature is by a key that is not trusted.
    #[error("it is signed with the key {key}, and only {trusted} {} trusted: add that key to `keys` of the configuration if it is meant", if *several { "are" } else { "is" })]
    OtherKey {
        /// The signature's key.
        key: String,
        /// The keys that are trusted.
        trusted: String,
        /// Whether these are several.
        several: bool,
    },
    /// The file is not what was signed.
    #[error(
        "it is not what the key {key} has signed: get the plugin and its signature again, from one place"
    )]
    Wrong {
        /// The signature's key.
        key: String,
    },
    /// A signature of minisign's old form, of the whole file in place of its hash.
    #[error("its signature is of the old form without a hash: sign it again without `-l`")]
    Legacy,
    /// The private copy cannot be read any more.
    #[error("its private copy cannot be read ({0}): try again")]
    Copy(#[source] io::Error),
}

/// A plugin that was looked up in a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The digest of the file there is.
    pub sha256: String,
    /// The lock.
    pub lock: PathBuf,
    /// The plugin's file, if it is known.
    pub file: Option<PathBuf>,
}

impl fmt::Display for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {} {}", self.id, self.version)
    }
}

impl LookedUp {
    /// What lists it as it is, beside all that are listed.
    fn command(&self) -> String {
        let file = self.file.as_deref().map_or("FILE".to_owned(), word);
        format!(
            "handclasp plugins lock --add {file} --output {}",
            word(&self.lock)
        )
    }
}

/// A word of a POSIX shell.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@:".contains(c);
    match path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
