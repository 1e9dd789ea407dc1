//! A plugin in the lock.
use handclasp::plugin::{PrivateCopy, is_id};
use serde::Deserialize;

/// A plugin that may be used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of its file, in lower-case hexadecimal.
    pub sha256: String,
    /// Where it comes from, for people: its path, or any text.
    #[serde(default)]
    pub source: String,
}

/// Most bytes of a source.
const MOST: usize = 4096;

impl Entry {
    /// The entry of a plugin that is about to be loaded, with its path as its source.
    pub fn of(copy: &PrivateCopy) -> Self {
        let plugin = copy.plugin();
        Self {
            id: plugin.id.clone(),
            version: plugin.version.clone(),
            sha256: copy.sha256().to_owned(),
            source: plugin.path.to_string_lossy().into_owned(),
        }
    }

    /// Whether both are of the same file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.id, &self.version, &self.sha256) == (&other.id, &other.version, &other.sha256)
    }

    /// # Errors
    /// A field that no plugin can have; a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_digit = |c: u8| c.is_ascii_digit() || matches!(c, b'a'..=b'f');
        let is_version = |text: &str| {
            (1..=23).contains(&text.len()) && text.bytes().all(|c| (b' '..=b'~').contains(&c))
        };
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(is_digit);
        if !is_id(self.id.as_bytes()) {
            return Err(
                "its `id` is none: it has 1 to 47 characters out of a-z, 0-9 and -".to_owned(),
            );
        }
        if !is_version(&self.version) {
            return Err(format!(
                "the `version` of {} is none: it has 1 to 23 printable ASCII characters",
                self.id
            ));
        }
        if !is_digest(&self.sha256) {
            return Err(format!(
                "the `sha256` of {} is none: it has 64 digits out of 0-9 and a-f",
                self.id
            ));
        }
        match self.source.len() > MOST {
            true => Err(format!(
                "the `source` of {} is too long: it has at most {MOST} bytes",
                self.id
            )),
            false => Ok(()),
        }
    }
}
