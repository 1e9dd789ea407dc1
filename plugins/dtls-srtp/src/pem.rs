//! A certificate and its key from files in PEM (RFC 7468).
use dimpl::DtlsCertificate;
use dimpl::crypto::{Buf, SignatureAlgorithm, aws_lc_rs};
use handclasp_plugin::{Error, ErrorKind, Result};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use zeroize::Zeroizing;

/// The pair in these files.
///
/// # Errors
/// `Option` if a file cannot be read, or what is in them is no pair of an ECDSA key and its certificate.
pub(crate) fn read(certificate_file: &str, key_file: &str) -> Result<DtlsCertificate> {
    let certificate: CertificateDer<'_> =
        first_item("certificate", certificate_file, "a certificate in PEM")?;
    let key: PrivateKeyDer<'_> = first_item(
        "private-key",
        key_file,
        "a private key in PEM without a passphrase",
    )?;
    let pair = DtlsCertificate {
        certificate: certificate.to_vec(),
        private_key: key.secret_der().to_vec(),
    };
    if is_pair(&pair, key_file)? {
        return Ok(pair);
    }
    Err(refusal(format_args!(
        "options certificate and private-key: the certificate in {certificate_file} is not that of the key in \
         {key_file}"
    )))
}

/// A warning if others than its owner may read or change the file of a private key: who reads it can be this side.
pub(crate) fn shared(key_file: &str) -> Option<String> {
    let mode = mode(key_file)?;
    (mode & 0o077 != 0).then(|| {
        format!(
            "option private-key: others than its owner may use {key_file} (mode {mode:03o}): chmod 600 it"
        )
    })
}

#[cfg(unix)]
fn mode(file: &str) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(file).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_file: &str) -> Option<u32> {
    None
}

/// The first item of this kind in a file.
fn first_item<T: PemObject>(option: &str, file: &str, kind: &str) -> Result<T> {
    let text = std::fs::read(file).map(Zeroizing::new);
    let text = text.map_err(|error| {
        refusal(format_args!(
            "option {option}: {file} cannot be read ({error}): name a file with {kind}"
        ))
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    T::from_pem_slice(text).map_err(|_| {
        let what = what_else(text);
        refusal(format_args!(
            "option {option}: {file} {what}: name a file with {kind}"
        ))
    })
}

/// What some editors begin a text in UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file has in place of what it should have.
fn what_else(text: &[u8]) -> &'static str {
    const SEQUENCE: u8 = 0x30;
    let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    if has(b"ENCRYPTED") {
        "is encrypted"
    } else if text.first() == Some(&SEQUENCE) && !has(b"-----BEGIN ") {
        "is DER, not PEM"
    } else {
        "is of no use"
    }
}

/// Whether the certificate verifies what the key signs.
fn is_pair(pair: &DtlsCertificate, key_file: &str) -> Result<bool> {
    let provider = aws_lc_rs::default_provider();
    let loaded = provider.key_provider.load_private_key(&pair.private_key);
    let mut key = loaded.map_err(|_| {
        refusal(format_args!(
            "option private-key: the key in {key_file} is not ECDSA on P-256 or P-384: give it such a key; \
             RSA, and no other, dtls-openssl takes too"
        ))
    })?;
    let (data, hash) = (b"a pair", key.hash_algorithm());
    let mut signature = Buf::new();
    let signed = key.sign(data, hash, &mut signature);
    let verified = provider.signature_verification.verify_signature(
        &pair.certificate,
        data,
        &signature,
        hash,
        SignatureAlgorithm::ECDSA,
    );
    Ok(signed.and(verified).is_ok())
}

fn refusal(sentence: fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Option, sentence)
}

#[cfg(test)]
mod tests;
