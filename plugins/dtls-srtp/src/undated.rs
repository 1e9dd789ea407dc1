//! A peer's certificate whatever its dates are: who it is says its fingerprint (RFC 8122), and a board without a clock
//! makes certificates that begin before 1970, which dimpl does not read.
//!
//! DTLS 1.3 has dimpl read the certificate by itself before it asks here.
use dimpl::CryptoError;
use dimpl::crypto::{
    HashAlgorithm, SignatureAlgorithm, SignatureVerifier, aws_lc_rs as dimpls_own,
};

/// Verifies as dimpl does, with other dates in the certificate.
#[derive(Debug)]
pub(crate) struct Undated;

impl SignatureVerifier for Undated {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        let mut certificate = certificate.to_vec();
        // Where it is no certificate, dimpl says so.
        let _ = replace_dates(&mut certificate);
        let own = dimpls_own::default_provider().signature_verification;
        own.verify_signature(&certificate, data, signature, hash, algorithm)
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Puts dates that can be read in place of a certificate's (RFC 5280, section 4.1). The key stays, and what the
/// certificate's own signature says is asked of nobody.
fn replace_dates(certificate: &mut [u8]) -> Option<()> {
    let (certificate, _) = enter(certificate, SEQUENCE)?;
    let (mut rest, _) = enter(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        (_, rest) = enter(rest, VERSION)?;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = enter(rest, tag)?; // serial number, signature algorithm, issuer
    }
    let (mut validity, _) = enter(rest, SEQUENCE)?;
    while let Some(&tag) = validity.first() {
        let date: &[u8] = match tag {
            UTC_TIME => b"700101000000Z",
            GENERALIZED_TIME => b"20500101000000Z",
            _ => return None,
        };
        let (old, after) = enter(validity, tag)?;
        if old.len() == date.len() {
            old.copy_from_slice(date);
        }
        validity = after;
    }
    Some(())
}

/// The contents of the element at the start, and what follows it.
fn enter(bytes: &mut [u8], tag: u8) -> Option<(&mut [u8], &mut [u8])> {
    let (header, length) = match *bytes.get(..4)? {
        [found, ..] if found != tag => return None,
        [_, length @ 0..=0x7f, ..] => (2, usize::from(length)),
        [_, 0x81, length, _] => (3, usize::from(length)),
        [_, 0x82, high, low] => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return None,
    };
    bytes.get_mut(header..)?.split_at_mut_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
    use time::OffsetDateTime;

    fn dated(from: i64, to: i64) -> (Vec<u8>, EcdsaKeyPair) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let date = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let mut parameters = CertificateParams::default();
        (parameters.not_before, parameters.not_after) = (date(from), date(to));
        let certificate = parameters.self_signed(&key).unwrap();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &key.serialize_der()).unwrap();
        (certificate.der().to_vec(), pair)
    }

    fn verify(
        by: &dyn SignatureVerifier,
        certificate: &[u8],
        key: &EcdsaKeyPair,
    ) -> Result<(), CryptoError> {
        let signature = key.sign(&SystemRandom::new(), b"data").unwrap();
        let (hash, algorithm) = (HashAlgorithm::SHA256, SignatureAlgorithm::ECDSA);
        by.verify_signature(certificate, b"data", signature.as_ref(), hash, algorithm)
    }

    #[test]
    fn a_peer_is_who_it_is_whatever_its_clock_says() {
        let own = dimpls_own::default_provider().signature_verification;
        let year = 365 * 24 * 60 * 60;
        for (from, to, is_read_by_dimpl) in [
            (-year, year, false),
            (-100 * year, -year, false),
            (0, 30 * year, true),
            (8000 * year, 8001 * year, true),
        ] {
            let (certificate, key) = dated(from, to);
            assert_eq!(
                verify(own, &certificate, &key).is_ok(),
                is_read_by_dimpl,
                "{from}"
            );
            assert_eq!(verify(&Undated, &certificate, &key), Ok(()), "{from}");
            let (_, another) = dated(from, to);
            assert!(verify(&Undated, &certificate, &another).is_err());
        }
    }

    #[test]
    fn what_is_no_certificate_is_left_alone() {
        let (certificate, key) = dated(0, 1);
        for cut in 0..certificate.len() {
            let mut part = certificate[..cut].to_vec();
            let _ = replace_dates(&mut part);
            assert!(
                verify(&Undated, &certificate[..cut], &key).is_err(),
                "{cut}"
            );
        }
    }
}
