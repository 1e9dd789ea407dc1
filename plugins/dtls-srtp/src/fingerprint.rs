//! Certificate fingerprints in session descriptions (RFC 8122, section 5).
use handclasp_plugin::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;

/// The hashes accepted, from weakest to strongest. SHA-1 and MD5 prove nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|hash| name.eq_ignore_ascii_case(hash.name()))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Bytes of a digest.
    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// The digest of a certificate; shown as in a description, `sha-256 AB:CD:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// The SHA-256 fingerprint of a certificate in DER.
    pub(crate) fn sha256(certificate: &[u8]) -> Self {
        Self::of(certificate, Hash::Sha256)
    }

    fn of(certificate: &[u8], hash: Hash) -> Self {
        Self {
            hash,
            digest: hash.digest(certificate),
        }
    }

    /// The value of a `fingerprint` attribute; nothing if the hash is not accepted.
    fn parse(value: &str) -> Result<Option<Self>> {
        let (name, hex) = value
            .trim()
            .split_once(' ')
            .ok_or_else(|| unreadable(value))?;
        let Some(hash) = Hash::named(name) else {
            return Ok(None);
        };
        let digest = hex.trim().split(':').map(byte).collect::<Option<Vec<u8>>>();
        let digest = digest.filter(|digest| digest.len() == hash.len());
        let digest = digest.ok_or_else(|| unreadable(value))?;
        Ok(Some(Self { hash, digest }))
    }
}

/// Two hexadecimal digits, and nothing else that `from_str_radix` would take.
fn byte(digits: &str) -> Option<u8> {
    let is_byte = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_byte.then(|| u8::from_str_radix(digits, 16).ok())?
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.hash.name())?;
        for (index, byte) in self.digest.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// The fingerprints that count: those of the strongest hash in the peer's description. Never empty.
#[derive(Debug)]
pub(crate) struct Fingerprints(Vec<Fingerprint>);

impl Fingerprints {
    /// Reads the peer's init data: lines `fingerprint:<hash> <hex>`, with or without `a=`. Lines of other
    /// attributes are not ours.
    ///
    /// # Errors
    /// `PeerRejected` if there is no usable fingerprint: a peer that cannot be authenticated is refused.
    pub(crate) fn parse(init_data: &[u8]) -> Result<Self> {
        let lines = std::str::from_utf8(init_data).map_err(|_| rejected(OTHER_PLUGIN))?;
        let mut strongest: Vec<Fingerprint> = Vec::new();
        let mut is_named = false;
        for line in lines.lines() {
            let line = line.strip_prefix("a=").unwrap_or(line);
            let Some(value) = line.strip_prefix("fingerprint:") else {
                continue;
            };
            is_named = true;
            let Some(fingerprint) = Fingerprint::parse(value)? else {
                continue;
            };
            strongest.retain(|known| known.hash >= fingerprint.hash);
            if strongest
                .first()
                .is_none_or(|known| known.hash == fingerprint.hash)
            {
                strongest.push(fingerprint);
            }
        }
        if !is_named && !lines.trim().is_empty() {
            return Err(rejected(OTHER_PLUGIN));
        }
        if strongest.is_empty() {
            return Err(rejected(
                "the peer's init data has no certificate fingerprint with sha-256, sha-384 or sha-512, so the \
                 peer cannot be authenticated; have it offer one (a=fingerprint)",
            ));
        }
        Ok(Self(strongest))
    }

    /// Whether `certificate`, in DER, is one that the description promised.
    ///
    /// # Errors
    /// `Authentication` if it is another.
    pub(crate) fn verify(&self, certificate: &[u8]) -> Result<()> {
        let shown = Fingerprint::of(certificate, self.0[0].hash);
        if self.0.contains(&shown) {
            return Ok(());
        }
        let promised: Vec<String> = self.0.iter().map(Fingerprint::to_string).collect();
        Err(Error::new(
            ErrorKind::Authentication,
            format_args!(
                "the peer's certificate has fingerprint {shown}, its init data promised {}: stale init data, or an \
                 attacker; exchange it again",
                promised.join(" or ")
            ),
        ))
    }
}

/// What init data is that no plugin for DTLS has made.
const OTHER_PLUGIN: &str =
    "the peer's init data has no SDP attribute \"fingerprint\": does it run another plugin?";

fn unreadable(value: &str) -> Error {
    rejected(format_args!(
        "the fingerprint {:?} in the peer's init data cannot be read; it should look like \"sha-256 AB:CD:…\"",
        value.trim()
    ))
}

fn rejected(sentence: impl fmt::Display) -> Error {
    Error::new(ErrorKind::PeerRejected, sentence)
}

#[cfg(test)]
mod tests;
