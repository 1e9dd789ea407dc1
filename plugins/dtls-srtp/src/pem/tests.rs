use super::*;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dimpl::certificate::generate_self_signed_certificate;
use std::fs;
use tempfile::TempDir;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("the temporary directory is writable"))
    }

    /// Writes a file of these sections.
    fn write(&self, name: &str, sections: &[(&str, &[u8])]) -> String {
        let section = |(label, der): &(&str, &[u8])| {
            let body = BASE64_STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
        };
        let path = self.0.path().join(name);
        let text: String = sections.iter().map(section).collect();
        fs::write(&path, text).expect("the directory was just made");
        path.to_str().expect("it has a plain name").to_owned()
    }
}

fn fresh() -> DtlsCertificate {
    generate_self_signed_certificate().expect("the system has randomness")
}

/// Why these files are refused.
fn refusal(certificate: &str, key: &str) -> String {
    let error = read(certificate, key).expect_err("they are of no use");
    let sentence = error.to_string();
    assert_eq!(error, Error::new(ErrorKind::Option, &sentence));
    sentence
}

#[test]
fn a_pair_is_read_from_two_files_or_one() {
    let (files, pair) = (Files::new(), fresh());
    let certificate = ("CERTIFICATE", &*pair.certificate);
    let key = ("PRIVATE KEY", &*pair.private_key);
    let one = files.write("one", &[("EC PARAMETERS", b"of no use"), key, certificate]);
    let two = [
        files.write("certificate", &[certificate, certificate]),
        files.write("key", &[key]),
    ];
    for [certificate, key] in [[&one, &one], [&two[0], &two[1]]] {
        let found = read(certificate, key).expect("it is a pair");
        assert_eq!(found.certificate, pair.certificate);
        assert!(found.private_key == pair.private_key);
    }
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let (files, mine, yours) = (Files::new(), fresh(), fresh());
    let certificate = files.write("certificate", &[("CERTIFICATE", &mine.certificate)]);
    let key = files.write("key", &[("PRIVATE KEY", &yours.private_key)]);
    let expected = format!(
        "options certificate and private-key: the certificate in {certificate} is not that of the key in {key}"
    );
    assert_eq!(refusal(&certificate, &key), expected);
}

#[test]
fn other_kinds_of_keys_are_refused() {
    let (files, pair) = (Files::new(), fresh());
    let certificate = files.write("certificate", &[("CERTIFICATE", &pair.certificate)]);
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] {
        let key = files.write("key", &[(label, b"none that ECDSA knows")]);
        let expected = format!(
            "option private-key: the key in {key} is not ECDSA on P-256 or P-384: give it such a key, or use \
             dtls-openssl, which takes RSA too"
        );
        assert_eq!(refusal(&certificate, &key), expected, "{label}");
    }
}

#[test]
fn a_file_without_what_it_should_have_is_named() {
    let (files, pair) = (Files::new(), fresh());
    let certificate = files.write("certificate", &[("CERTIFICATE", &pair.certificate)]);
    let encrypted = files.write("encrypted", &[("ENCRYPTED PRIVATE KEY", b"secret")]);
    assert_eq!(
        refusal(&certificate, &encrypted),
        format!(
            "option private-key: {encrypted} is of no use: name a file with a private key in PEM without a passphrase"
        )
    );
    assert_eq!(
        refusal(&encrypted, &encrypted),
        format!(
            "option certificate: {encrypted} is of no use: name a file with a certificate in PEM"
        )
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = refusal("/nowhere/certificate.pem", "/nowhere/key.pem");
    assert_eq!(
        error,
        "option certificate: /nowhere/certificate.pem cannot be read (No such file or directory (os error 2)): name \
         a file with a certificate in PEM"
    );
}
