//! Certificates of relays over TLS: which are trusted, and what is said of the others.
use crate::{HERE, relayed};
use handclasp_tests::processes::{Heard, LineProcess};
use handclasp_tests::{Coturn, Identity, skip};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// What a certificate is like.
struct Kind {
    name: &'static str,
    is_ca: bool,
    years: [i32; 2],
    purpose: ExtendedKeyUsagePurpose,
}

const ORDINARY: Kind = Kind {
    name: "127.0.0.1",
    is_ca: false,
    years: [2000, 2100],
    purpose: ExtendedKeyUsagePurpose::ServerAuth,
};

impl Kind {
    fn parameters(&self) -> CertificateParams {
        let names = vec![self.name.to_owned()];
        let mut parameters = CertificateParams::new(names).expect("it is a name");
        let subject = format!("{} of {:?}", self.name, self.years);
        parameters
            .distinguished_name
            .push(DnType::CommonName, subject);
        if self.is_ca {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let [from, to] = self.years.map(|year| date_time_ymd(year, 1, 1));
        (parameters.not_before, parameters.not_after) = (from, to);
        parameters.extended_key_usages = vec![self.purpose.clone()];
        parameters
    }

    fn signed_by_itself(&self) -> Identity {
        let key = KeyPair::generate().expect("there is randomness");
        let certificate = self.parameters().self_signed(&key);
        let certificate = certificate.expect("it can be signed");
        identity(certificate.der(), &key)
    }
}

/// A certificate authority.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("there is randomness");
        let mut parameters = CertificateParams::new(vec![]).expect("there are no names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("it can be signed");
        Self {
            certificate: pem("CERTIFICATE", certificate.der()),
            issuer: Issuer::new(parameters, key),
        }
    }

    fn sign(&self, kind: &Kind) -> Identity {
        let key = KeyPair::generate().expect("there is randomness");
        let certificate = kind.parameters().signed_by(&key, &self.issuer);
        identity(certificate.expect("it can be signed").der(), &key)
    }
}

fn identity(certificate: &[u8], key: &KeyPair) -> Identity {
    Identity {
        certificate: pem("CERTIFICATE", certificate),
        key: pem("PRIVATE KEY", key.serialized_der()),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = handclasp_tests::processes::base64(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("it is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// How long a stream may take until it says what it has to.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a stream says of its relay that trusts `trusted`: its candidate, or a warning.
fn says(server: &Coturn, trusted: &Path) -> String {
    let trusted = trusted.to_str().expect("it is UTF-8");
    let stream = relayed(&[server.tls()], &["--turn-ca", trusted]);
    let (sender, heard) = channel();
    let mut process = LineProcess::start(stream, (), sender);
    let deadline = Instant::now() + PATIENCE;
    let said = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match heard.recv_timeout(left) {
            Ok(Heard::Event((), event)) => {
                if let Some("new_candidate_full" | "warning") = event["event"].as_str() {
                    break event.to_string();
                }
            }
            Ok(Heard::End(())) | Err(_) => panic!("it says nothing of its relay"),
        }
    };
    process.close();
    said
}

/// What is said of a relay that shows one certificate, where another is trusted.
fn verdict(shown: &Identity, trusted: &str) -> Option<String> {
    let server = match Coturn::start_as(HERE, shown) {
        Ok(server) => server,
        Err(lacking) => {
            skip("certificates of relays", &lacking);
            return None;
        }
    };
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("trusted.pem");
    fs::write(&file, trusted).expect("it is ours");
    Some(says(&server, &file))
}

fn is_taken(shown: &Identity, trusted: &str) {
    if let Some(said) = verdict(shown, trusted) {
        assert!(said.contains(" typ relay "), "{said}");
    }
}

fn is_refused(shown: &Identity, trusted: &str, why: &str) {
    if let Some(said) = verdict(shown, trusted) {
        assert!(said.contains(why), "not {why:?}: {said}");
        for trace_of_code in ["Error(", "Other(", "{ ", "::"] {
            assert!(!said.contains(trace_of_code), "{said}");
        }
    }
}

/// As `openssl req -x509` makes them, whatever is in them.
#[test]
fn the_certificate_itself_is_trusted() {
    for kind in [
        ORDINARY,
        Kind {
            is_ca: true,
            ..ORDINARY
        },
        Kind {
            name: "elsewhere.test",
            is_ca: true,
            ..ORDINARY
        },
        Kind {
            years: [2000, 2001],
            is_ca: true,
            ..ORDINARY
        },
    ] {
        let shown = kind.signed_by_itself();
        is_taken(&shown, &shown.certificate);
    }
}

#[test]
fn a_byte_order_mark_before_the_certificate_is_no_matter() {
    let shown = ORDINARY.signed_by_itself();
    is_taken(&shown, &format!("\u{feff}{}", shown.certificate));
}

#[test]
fn who_is_vouched_for_is_trusted() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let both = format!("{}{}", other.certificate, authority.certificate);
    is_taken(&authority.sign(&ORDINARY), &both);
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let signed = |kind: Kind| authority.sign(&kind);
    for (shown, trusted, why) in [
        (
            signed(ORDINARY),
            &other,
            "its certificate is of nobody who is trusted",
        ),
        (
            signed(Kind {
                name: "elsewhere.test",
                ..ORDINARY
            }),
            &authority,
            "its certificate is not for 127.0.0.1",
        ),
        (
            signed(Kind {
                years: [2000, 2001],
                ..ORDINARY
            }),
            &authority,
            "its certificate has expired",
        ),
        (
            signed(Kind {
                years: [2099, 2100],
                ..ORDINARY
            }),
            &authority,
            "its certificate is not valid yet",
        ),
        (
            signed(Kind {
                purpose: ExtendedKeyUsagePurpose::ClientAuth,
                ..ORDINARY
            }),
            &authority,
            "its certificate is not one for servers",
        ),
        (
            signed(Kind {
                is_ca: true,
                ..ORDINARY
            }),
            &authority,
            "its certificate cannot be verified",
        ),
    ] {
        is_refused(&shown, &trusted.certificate, why);
    }
}

/// What `handclasp stream` says of a file that is to be trusted, before it begins.
fn start_with(contents: &[u8]) -> String {
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("trusted.pem");
    fs::write(&file, contents).expect("it is ours");
    let turn = "turns:alice:secret@192.0.2.1";
    let mut stream: Command = relayed(&[turn.to_owned()], &[]);
    let output = stream
        .arg("--turn-ca")
        .arg(&file)
        .stdin(Stdio::null())
        .output();
    let output = output.expect("the command was built");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_that_is_of_no_use_is_named_with_what_is_wrong_with_it() {
    let good = ORDINARY.signed_by_itself();
    let cut = good.certificate.replace("-----END CERTIFICATE-----\n", "");
    for (contents, why) in [
        ("", "there is none in it"),
        (&*good.key, "there is none in it"),
        (&*cut, "an END line is missing"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "is not an X.509 certificate of version 3",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            "is not base64",
        ),
    ] {
        let said = start_with(contents.as_bytes());
        assert!(said.contains(why) && said.contains("trusted.pem"), "{said}");
    }
}
