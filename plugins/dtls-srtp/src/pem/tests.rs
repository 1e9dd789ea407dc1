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
            "option private-key: the key in {key} is not ECDSA on P-256 or P-384: give it such a key; \
             RSA, and no other, dtls-openssl takes too"
        );
        assert_eq!(refusal(&certificate, &key), expected, "{label}");
    }
}

#[test]
fn a_file_without_what_it_should_have_is_named() {
    let (files, pair) = (Files::new(), fresh());
    let certificate = files.write("certificate", &[("CERTIFICATE", &pair.certificate)]);
    let encrypted = files.write("encrypted", &[("ENCRYPTED PRIVATE KEY", b"secret")]);
    let none = files.write("none", &[("EC PARAMETERS", b"P-256")]);
    let der = files.write("der", &[]);
    fs::write(&der, &pair.certificate).expect("the directory is ours");
    for (file, what) in [
        (&encrypted, "is encrypted"),
        (&none, "is of no use"),
        (&der, "is DER, not PEM"),
    ] {
        assert_eq!(
            refusal(&certificate, file),
            format!(
                "option private-key: {file} {what}: name a file with a private key in PEM without a passphrase"
            )
        );
        assert_eq!(
            refusal(file, file),
            format!("option certificate: {file} {what}: name a file with a certificate in PEM")
        );
    }
}

/// As editors of Windows write it.
#[test]
fn a_byte_order_mark_before_pem_does_not_matter() {
    let (files, pair) = (Files::new(), fresh());
    let both = [
        ("PRIVATE KEY", &*pair.private_key),
        ("CERTIFICATE", &*pair.certificate),
    ];
    let file = files.write("marked", &both);
    let text = fs::read(&file).expect("it was just written");
    fs::write(&file, [b"\xef\xbb\xbf", &*text].concat()).expect("the directory is ours");
    let found = read(&file, &file).expect("it is a pair");
    assert_eq!(found.certificate, pair.certificate);
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

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_or_change_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let (files, pair) = (Files::new(), fresh());
    let key = files.write("key", &[("PRIVATE KEY", &pair.private_key)]);
    for (mode, warned) in [
        (0o600, false),
        (0o400, false),
        (0o666, true),
        (0o640, true),
        (0o604, true),
        (0o620, true),
    ] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("it is ours");
        let warning = shared(&key);
        assert_eq!(warning.is_some(), warned, "{mode:o}: {warning:?}");
    }
    let warning = shared(&key).expect("its mode is 620");
    assert!(
        warning.contains(&key) && warning.contains("(mode 620): chmod 600"),
        "{warning}"
    );
}
