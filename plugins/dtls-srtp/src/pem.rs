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

/// The first item of this kind in a file.
fn first_item<T: PemObject>(option: &str, file: &str, kind: &str) -> Result<T> {
    let text = std::fs::read(file).map_err(|error| {
        refusal(format_args!(
            "option {option}: {file} cannot be read ({error}): name a file with {kind}"
        ))
    })?;
    T::from_pem_slice(&Zeroizing::new(text)).map_err(|_| {
        refusal(format_args!(
            "option {option}: {file} is of no use: name a file with {kind}"
        ))
    })
}

/// Whether the certificate verifies what the key signs.
fn is_pair(pair: &DtlsCertificate, key_file: &str) -> Result<bool> {
    let provider = aws_lc_rs::default_provider();
    let loaded = provider.key_provider.load_private_key(&pair.private_key);
    let mut key = loaded.map_err(|_| {
        refusal(format_args!(
            "option private-key: the key in {key_file} is not ECDSA on P-256 or P-384: give it such a key, or use \
             dtls-openssl, which takes RSA too"
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
