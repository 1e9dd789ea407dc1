//! Public keys of minisign, and detached signatures by them.
use super::key_id::key_id;
use super::refused::{NotSigned, Refused};
use crate::config::KeySource;
use handclasp::files;
use handclasp::plugin::PrivateCopy;
use minisign_verify::{Error, PublicKey, Signature};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Whose signatures are trusted, and whether one is needed.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    keys: Vec<Key>,
    is_required: bool,
}

#[derive(Clone, Debug)]
struct Key {
    id: String,
    key: PublicKey,
}

/// Why a public key cannot be used; one sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file with it.
    #[error("{} cannot be read ({error}): name a file with a public key of minisign", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason, or whom else it belongs to.
        #[source]
        error: io::Error,
    },
    /// It is none.
    #[error(
        "{from} is no public key of minisign: `minisign -G` writes one, whose last line begins with RW"
    )]
    NoKey {
        /// Where it is, or its text.
        from: String,
    },
}

impl Keys {
    /// Reads keys, those in files from there.
    ///
    /// # Errors
    /// One cannot be read, or is none.
    pub fn load(sources: &[KeySource], is_required: bool) -> Result<Self, KeysError> {
        let keys = sources.iter().map(|source| match source {
            KeySource::Text(text) => {
                key(text).ok_or_else(|| KeysError::NoKey { from: text.clone() })
            }
            KeySource::File(file) => {
                let read = |error| KeysError::Read {
                    file: file.clone(),
                    error,
                };
                let bytes = files::read(file).map_err(read)?;
                let text = std::str::from_utf8(&bytes).unwrap_or_default();
                // `minisign -G` writes a comment before it.
                let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
                last.and_then(key).ok_or_else(|| KeysError::NoKey {
                    from: file.display().to_string(),
                })
            }
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            is_required,
        })
    }

    /// Whether a plugin that is about to be loaded is signed by one of these keys, or has no signature and needs none.
    /// What is verified are the bytes of the copy; its signature is [`signature_of`] its file.
    ///
    /// # Errors
    /// Its signature is missing, by another key, or of something else.
    pub fn verify(&self, copy: &PrivateCopy) -> Result<(), Refused> {
        let plugin = &copy.plugin().path;
        self.verify_copy(&signature_of(plugin), copy.path())
            .map_err(|reason| Refused::NotSigned {
                file: plugin.clone(),
                reason,
            })
    }

    fn verify_copy(&self, file: &Path, copy: &Path) -> Result<(), NotSigned> {
        if self.keys.is_empty() && !self.is_required {
            return Ok(());
        }
        let signature = file.to_owned();
        let bytes = match files::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return match self.is_required {
                    true => Err(NotSigned::Missing { signature }),
                    false => Ok(()),
                };
            }
            Err(error) => return Err(NotSigned::Unreadable { signature, error }),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| NotSigned::NoSignature {
            signature: signature.clone(),
        })?;
        self.verify_bytes(text, &signature, File::open(copy).map_err(NotSigned::Copy)?)
    }

    fn verify_bytes(
        &self,
        text: &str,
        file: &Path,
        mut signed: impl Read,
    ) -> Result<(), NotSigned> {
        let no_signature = || NotSigned::NoSignature {
            signature: file.to_owned(),
        };
        let signature = Signature::decode(text).map_err(|_| no_signature())?;
        let id = text
            .lines()
            .nth(1)
            .and_then(key_id)
            .ok_or_else(no_signature)?;
        // Several keys may have one id, which is only eight random bytes.
        let mut verifiers = Vec::new();
        for Key { key, .. } in self.keys.iter().filter(|key| key.id == id) {
            match key.verify_stream(&signature) {
                Ok(verifier) => verifiers.push(verifier),
                Err(Error::UnsupportedLegacyMode) => return Err(NotSigned::Legacy),
                Err(_) => {}
            }
        }
        if verifiers.is_empty() {
            let trusted: Vec<_> = self.keys.iter().map(|key| key.id.as_str()).collect();
            return Err(NotSigned::OtherKey {
                key: id,
                trusted: match trusted.is_empty() {
                    true => "no key".to_owned(),
                    false => trusted.join(", "),
                },
                several: trusted.len() > 1,
            });
        }
        let mut buffer = vec![0; 256 << 10];
        loop {
            match signed.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => verifiers
                    .iter_mut()
                    .for_each(|verifier| verifier.update(&buffer[..read])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(NotSigned::Copy(error)),
            }
        }
        match verifiers
            .iter_mut()
            .any(|verifier| verifier.finalize().is_ok())
        {
            true => Ok(()),
            false => Err(NotSigned::Wrong { key: id }),
        }
    }
}

/// A key in base64.
fn key(text: &str) -> Option<Key> {
    Some(Key {
        id: key_id(text)?,
        key: PublicKey::from_base64(text).ok()?,
    })
}

/// Where the signature of the plugin at this path is: beside it, with `.minisig` behind its name.
pub fn signature_of(plugin: &Path) -> PathBuf {
    let mut name = OsString::from(plugin);
    name.push(".minisig");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{KeySource, Keys, NotSigned, signature_of};
    use proptest::prelude::*;
    use std::path::Path;

    // Written by minisign 0.11.
    const KEY: &str = "RWSql3c4AZ7qCyYkwndUZvartzUIVUzgaGXMfN1nbHfZG67tE/Yp/l04";
    const OTHER: &str = "RWTCezYZcedaEo7Fuf0u4SdZohpzzxzrJ+Lp/unfREiU9ADwNzL1E6L6";
    const SIGNED: &[u8] = b"a plugin\n";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUSql3c4AZ7qC35hqh6K+Gh5imiPiPjBsODfQE62ol8Zd0Nd9JZpbxQ7Y1xvhEPuqBiPwHVVGLPk2VMid4DH2zrA9ykKi7s78QY=\n\
        trusted comment: a plugin, signed\n\
        mY8mse8S2wr5g/s25Ow9WmagBT9L21xjm88TbYoU1sHQHEtmqRv5+HpFw44TWtoX/eBFm/LppP9j5xYNaWnvDA==\n";
    const LEGACY: &str = "untrusted comment: signature from minisign secret key\n\
        RWSql3c4AZ7qC+bOFTjZsK/L4YzMFZgBlKFkjNpRwKRgp7pbWN1V5W6P0P+HozjKHbJxugV0BVZszrUC5FEaXMWWgmAqpJT+NwU=\n\
        trusted comment: timestamp:1796098791\tfile:p.so\n\
        r6Mp3SphtMc+K4MIak38R874pQR9wFEjzlyRlpZcS9vTnZ3Ss74bR69OeFHO3rvlXE7Ll+42LkePDTWrNu/hAQ==\n";

    fn keys(keys: &[&str]) -> Keys {
        let sources: Vec<_> = keys
            .iter()
            .map(|key| KeySource::Text((*key).to_owned()))
            .collect();
        Keys::load(&sources, true).expect("they are keys")
    }

    fn verify(keys: &Keys, signature: &str, signed: &[u8]) -> Result<(), String> {
        let file = Path::new("p.so.minisig");
        keys.verify_bytes(signature, file, signed)
            .map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_signature_is_by_a_trusted_key_and_of_these_bytes() {
        assert_eq!(verify(&keys(&[OTHER, KEY]), SIGNATURE, SIGNED), Ok(()));
        let wrong = "it is not what the key BEA9E01387797AA has signed: get the plugin and its signature again, from one place";
        assert_eq!(
            verify(&keys(&[KEY]), SIGNATURE, b"another\n"),
            Err(wrong.to_owned())
        );
        assert_eq!(verify(&keys(&[KEY]), SIGNATURE, b""), Err(wrong.to_owned()));
        let comment = SIGNATURE.replace("a plugin, signed", "b plugin, signed");
        assert_eq!(
            verify(&keys(&[KEY]), &comment, SIGNED),
            Err(wrong.to_owned())
        );
        let other = "it is signed with the key BEA9E01387797AA, and only 125AE77119367BC2 is trusted: add that key to `keys` of \
                     the configuration if it is meant";
        assert_eq!(
            verify(&keys(&[OTHER]), SIGNATURE, SIGNED),
            Err(other.to_owned())
        );
        let legacy = "its signature is of the old form without a hash: sign it again without `-l`";
        assert_eq!(
            verify(&keys(&[KEY]), LEGACY, SIGNED),
            Err(legacy.to_owned())
        );
        let none =
            "p.so.minisig is no signature of minisign: sign the plugin again with `minisign -S`";
        for text in ["", "a\nb\nc\nd\n", KEY] {
            assert_eq!(verify(&keys(&[KEY]), text, SIGNED), Err(none.to_owned()));
        }
    }

    #[test]
    fn a_missing_signature_is_refused_where_one_is_required() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let plugin = directory.path().join("p.so");
        std::fs::write(&plugin, SIGNED).expect("it is ours");
        let signature = signature_of(&plugin);
        let sources = [KeySource::Text(KEY.to_owned())];
        let verify = |is_required| {
            let keys = Keys::load(&sources, is_required).expect("it is a key");
            keys.verify_copy(&signature, &plugin)
        };
        assert!(matches!(verify(true), Err(NotSigned::Missing { .. })));
        assert!(verify(false).is_ok());
        std::fs::write(&signature, SIGNATURE).expect("it is ours");
        assert!(verify(true).is_ok() && verify(false).is_ok());
        std::fs::write(&plugin, "another\n").expect("it is ours");
        assert!(
            matches!(verify(false), Err(NotSigned::Wrong { .. })),
            "a wrong one is worse than none"
        );
        assert!(
            Keys::default().verify_copy(&signature, &plugin).is_ok(),
            "without keys nothing is verified"
        );
    }

    #[test]
    fn a_key_may_be_in_a_file_as_minisign_writes_it() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let file = directory.path().join("k.pub");
        let load = || Keys::load(&[KeySource::File(file.clone())], true);
        let missing = load().expect_err("it is not there").to_string();
        assert!(
            missing.ends_with("name a file with a public key of minisign"),
            "{missing}"
        );
        for text in [
            format!("untrusted comment: x\n{KEY}\n"),
            format!("{KEY}\r\n"),
        ] {
            std::fs::write(&file, text).expect("it is ours");
            assert_eq!(
                verify(&load().expect("it is a key"), SIGNATURE, SIGNED),
                Ok(())
            );
        }
        std::fs::write(&file, "nothing\n").expect("it is ours");
        let none = load().expect_err("it is none").to_string();
        assert!(none.contains("is no public key of minisign"), "{none}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_changed_signature_is_taken(place in 0..SIGNATURE.len(), by in 1..128_u8) {
            let mut bytes = SIGNATURE.as_bytes().to_vec();
            bytes[place] = (bytes[place] ^ by) & 127;
            let text = String::from_utf8(bytes).expect("it is ASCII");
            let comment = SIGNATURE.find('\n').expect("it has lines");
            let is_part = place > comment && !SIGNATURE[place..].trim_end().is_empty();
            let taken = verify(&keys(&[KEY]), &text, SIGNED).is_ok();
            prop_assert!(!taken || !is_part, "{text}");
        }

        #[test]
        fn no_text_panics(text in "\\PC*\n[A-Za-z0-9+/=]{0,120}\ntrusted comment: \\PC*\n[A-Za-z0-9+/=]{0,100}") {
            let _ = verify(&keys(&[KEY]), &text, SIGNED);
        }
    }
}
