//! What a session is made from.
use crate::certificate::Identity;
use crate::fingerprint::Fingerprints;
use dimpl::{Config, Dtls};
use handclasp_plugin::{Error, ErrorKind, Result, Role};
use std::sync::Arc;
use std::time::Instant;

/// The DTLS versions to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// What the peer knows, 1.3 before 1.2.
    Auto,
    Dtls12,
    Dtls13,
}

impl Version {
    /// A value of the option `version`.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "1.2" => Ok(Self::Dtls12),
            "1.3" => Ok(Self::Dtls13),
            unknown => Err(Error::new(
                ErrorKind::Option,
                format_args!("the option version is {unknown:?}; it takes auto, 1.2 or 1.3"),
            )),
        }
    }
}

pub(crate) struct Parameters {
    pub(crate) version: Version,
    pub(crate) role: Role,
    pub(crate) config: Arc<Config>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) peer: Fingerprints,
}

impl Parameters {
    /// A state machine that has not begun.
    pub(crate) fn engine(&self, now: Instant) -> Dtls {
        let new = match self.version {
            Version::Auto => Dtls::new_auto,
            Version::Dtls12 => Dtls::new_12,
            Version::Dtls13 => Dtls::new_13,
        };
        let certificate = self.identity.certificate().clone();
        let mut dtls = new(self.config.clone(), certificate, now);
        dtls.set_active(self.role == Role::Initiator);
        dtls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_names() {
        assert_eq!(Version::named("auto"), Ok(Version::Auto));
        assert_eq!(Version::named("1.2"), Ok(Version::Dtls12));
        assert_eq!(Version::named("1.3"), Ok(Version::Dtls13));
        let error = Version::named("1.1").expect_err("DTLS has no 1.1");
        assert!(error.to_string().contains("\"1.1\""), "{error}");
    }
}
