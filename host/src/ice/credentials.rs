//! Who may take part: the username fragment and the password of one side.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::sdp::{SdpError, check_credentials};

/// The 64 `ice-char` (RFC 8839 §5.1): six random bits choose one without bias.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Generated lengths: 48 and 144 bits, where RFC 8445 §5.3 asks for 24 and 128.
const UFRAG_CHARS: usize = 8;
const PWD_CHARS: usize = 24;

/// One side's ICE credentials, the same for all components of a stream.
///
/// Written and read as `ufrag pwd`. `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    pwd: String,
}

/// Why a text is not a pair of ICE credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Not exactly two words.
    #[error(
        "ICE credentials are two words, \"ufrag pwd\", but {words} came: send both on one line, one space between"
    )]
    Words {
        /// How many came.
        words: usize,
    },
    /// What RFC 8839 §5.4 does not allow.
    #[error(transparent)]
    Illegal(#[from] SdpError),
}

impl Credentials {
    /// Fresh credentials from the operating system's CSPRNG.
    pub fn generate() -> Self {
        Self {
            ufrag: random_ice_chars::<UFRAG_CHARS>(),
            pwd: random_ice_chars::<PWD_CHARS>(),
        }
    }

    /// Credentials that came from elsewhere, checked against RFC 8839 §5.4.
    pub fn new(ufrag: impl Into<String>, pwd: impl Into<String>) -> Result<Self, CredentialsError> {
        let (ufrag, pwd) = (ufrag.into(), pwd.into());
        check_credentials(&ufrag, &pwd)?;
        Ok(Self { ufrag, pwd })
    }

    /// The username fragment; public.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password: whoever has it may send checks.
    pub fn pwd(&self) -> &str {
        &self.pwd
    }
}

impl FromStr for Credentials {
    type Err = CredentialsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next(), words.count()) {
            (Some(ufrag), Some(pwd), 0) => Self::new(ufrag, pwd),
            _ => Err(CredentialsError::Words {
                words: text.split_ascii_whitespace().count(),
            }),
        }
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ufrag, self.pwd)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// The number that settles a role conflict (RFC 8445 §7.3.1.1), from the
/// operating system's CSPRNG; the same for all components of a stream.
pub fn tie_breaker() -> u64 {
    getrandom::u64().expect("the system's CSPRNG does not fail once it is seeded")
}

fn random_ice_chars<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's CSPRNG does not fail once it is seeded");
    bytes
        .iter()
        .map(|byte| char::from(ICE_CHARS[usize::from(byte % 64)]))
        .collect()
}
