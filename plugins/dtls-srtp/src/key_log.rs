//! A session's secrets as lines of the NSS key log format, for those who are to read its traffic.
//!
//! dimpl keeps its secrets to itself. But it derives each of them by HMAC, and takes its cryptography from a
//! provider: from this one, whose HMAC is watched. It is RustCrypto's, for each of AWS-LC's that dimpl would take
//! allocates three contexts, and there are dozens in a handshake.
use dimpl::CryptoError;
use dimpl::crypto::{CryptoProvider, HashAlgorithm, HmacProvider, aws_lc_rs};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384};
use std::cell::RefCell;
use zeroize::Zeroizing;

/// The random value in a ClientHello, by which a line's reader finds the session.
pub(crate) type ClientRandom = [u8; 32];

/// Bytes of DTLS 1.2's master secret (RFC 5246, section 8.1).
const MASTER_SECRET: usize = 48;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

thread_local! {
    /// What was derived since `watch` began; nothing outside of it.
    static SEEN: RefCell<Option<Vec<Secret>>> = const { RefCell::new(None) };
}

/// One of a session's secrets.
pub(crate) struct Secret {
    label: &'static str,
    value: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// The line about this secret of that session.
    pub(crate) fn line(&self, session: &ClientRandom) -> Zeroizing<String> {
        let digits = 2 * (session.len() + self.value.len());
        // Of its final size from the start: growing would leave secrets behind in freed memory.
        let mut line = Zeroizing::new(String::with_capacity(self.label.len() + 2 + digits));
        line.push_str(self.label);
        for part in [session.as_slice(), &self.value] {
            line.push(' ');
            for byte in part {
                for digit in [byte >> 4, byte & 0xf] {
                    line.push(DIGITS[usize::from(digit)].into());
                }
            }
        }
        line
    }
}

/// dimpl's cryptography.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        hmac_provider: &Watched,
        hash_provider: &crate::transcript::Transcripts,
        ..aws_lc_rs::default_provider()
    }
}

/// Calls, and returns the secrets that a session of this thread derived meanwhile: none if nobody wants them.
pub(crate) fn watch<T>(is_wanted: bool, call: impl FnOnce() -> T) -> (T, Vec<Secret>) {
    SEEN.set(is_wanted.then(Vec::new));
    let result = call();
    (result, SEEN.take().unwrap_or_default())
}

#[derive(Debug)]
struct Watched;

impl HmacProvider for Watched {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let len = match hash {
            HashAlgorithm::SHA256 => digest::<Hmac<Sha256>>(key, data, out),
            HashAlgorithm::SHA384 => digest::<Hmac<Sha384>>(key, data, out),
            _ => return Err(CryptoError::UnsupportedHmacHash(hash)),
        };
        SEEN.with_borrow_mut(|seen| {
            if let Some(seen) = seen {
                seen.extend(recognise(key, data, &out[..len]));
            }
        });
        Ok(len)
    }
}

fn digest<M: Mac + KeyInit>(key: &[u8], data: &[u8], out: &mut [u8]) -> usize {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of HMAC's may have any length");
    mac.update(data);
    let tag = mac.finalize().into_bytes();
    out[..tag.len()].copy_from_slice(&tag);
    tag.len()
}

/// The secret that goes into this HMAC, or comes out of it.
fn recognise(key: &[u8], data: &[u8], out: &[u8]) -> Option<Secret> {
    let (label, value) = if is_key_expansion(data) && key.len() == MASTER_SECRET {
        ("CLIENT_RANDOM", key)
    } else {
        (name(expanded_label(data)?)?, out)
    };
    Some(Secret {
        label,
        value: Zeroizing::new(value.to_vec()),
    })
}

/// The first step of DTLS 1.2's key expansion, label and two randoms (RFC 5246, section 6.3), is keyed with the
/// master secret.
fn is_key_expansion(data: &[u8]) -> bool {
    let randoms = data.strip_prefix(b"key expansion");
    randoms.is_some_and(|randoms| randoms.len() == 64)
}

/// The label in an HkdfLabel (RFC 9147, section 5.9), after two bytes of length; a secret is one block long.
fn expanded_label(data: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = data.get(2..)?.split_first()?;
    rest.get(..usize::from(len))?.strip_prefix(b"dtls13")
}

fn name(label: &[u8]) -> Option<&'static str> {
    Some(match label {
        b"c hs traffic" => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        b"s hs traffic" => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        b"c ap traffic" => "CLIENT_TRAFFIC_SECRET_0",
        b"s ap traffic" => "SERVER_TRAFFIC_SECRET_0",
        b"exp master" => "EXPORTER_SECRET",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_label_session_and_secret() {
        let secret = Secret {
            label: "EXPORTER_SECRET",
            value: Zeroizing::new(vec![0xab; 48]),
        };
        let line = secret.line(&[0x01; 32]);
        let expected = format!("EXPORTER_SECRET {} {}", "01".repeat(32), "ab".repeat(48));
        assert_eq!(*line, expected);
        assert_eq!(line.capacity(), line.len());
    }

    #[test]
    fn what_derives_nothing_is_passed_over() {
        for data in [&b""[..], b"\0", b"\0\x20", b"\0\x20\xff", b"\0\x20\x03abc"] {
            assert!(recognise(&[0; 48], data, &[0; 32]).is_none(), "{data:?}");
        }
        let expansion = [&b"key expansion"[..], &[0; 64]].concat();
        assert!(recognise(&[0; 48], &expansion, &[0; 32]).is_some());
        assert!(recognise(&[0; 32], &expansion, &[0; 32]).is_none());
        assert!(recognise(&[0; 48], &expansion[..76], &[0; 32]).is_none());
    }

    #[test]
    fn nothing_is_kept_unless_somebody_watches() {
        let expansion = [&b"key expansion"[..], &[0; 64]].concat();
        let derive = || {
            let hash = HashAlgorithm::SHA256;
            Watched.hmac(hash, &[0; 48], &expansion, &mut [0; 32])
        };
        derive().expect("SHA-256 is known");
        let (len, secrets) = watch(true, derive);
        assert_eq!((len, secrets.len()), (Ok(32), 1));
        assert_eq!(watch(true, || ()).1.len(), 0);
        let (len, secrets) = watch(false, derive);
        assert_eq!((len, secrets.len()), (Ok(32), 0));
    }
}
