//! The lock and the keys together.
use super::keys::{Keys, KeysError};
use super::lock::Lock;
use super::lock_error::LockError;
use super::refused::Refused;
use crate::config::Config;
use handclasp::plugin::PrivateCopy;

/// Which plugins may be used: by default all.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// What is not listed in it is refused, if there is one.
    pub lock: Option<Lock>,
    /// Whose signatures are trusted.
    pub keys: Keys,
}

/// Why it cannot be told which plugins may be used; one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A key cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Trust {
    /// Reads the lock and the keys that a configuration names.
    ///
    /// # Errors
    /// One of them cannot be read, or is none.
    pub fn load(config: &Config) -> Result<Self, TrustError> {
        Ok(Self {
            lock: config.lock_file().as_deref().map(Lock::load).transpose()?,
            ..Self::load_keys(config)?
        })
    }

    /// The keys alone.
    ///
    /// # Errors
    /// One of them cannot be read, or is none.
    pub fn load_keys(config: &Config) -> Result<Self, TrustError> {
        let plugins = &config.plugins;
        Ok(Self {
            lock: None,
            keys: Keys::load(&plugins.keys, plugins.require_signature)?,
        })
    }

    /// Whether a plugin may be loaded, by its private copy: to be asked before that copy is mapped.
    ///
    /// # Errors
    /// It is not in the lock, or not signed.
    pub fn check(&self, copy: &PrivateCopy) -> Result<(), Refused> {
        if let Some(lock) = &self.lock {
            lock.check_copy(copy)?;
        }
        self.keys.verify(copy)
    }
}
