//! Certificates that the `openssl` command makes.
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub(crate) const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub(crate) const P384: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
pub(crate) const P521: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
pub(crate) const ED25519: &[&str] = &["ed25519"];
pub(crate) const RSA: &[&str] = &["rsa:2048"];

/// A self-signed certificate and its key, in files.
pub(crate) struct Certificate {
    directory: TempDir,
    /// Certificate and key.
    files: [String; 2],
    /// As a line of SDP.
    pub(crate) fingerprint: String,
}

impl Certificate {
    /// With a key of this kind, in PKCS #8.
    pub(crate) fn new(kind: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let files = ["certificate.pem", "key.pem"].map(|name| {
            let path = directory.path().join(name).into_os_string();
            path.into_string()
                .expect("temporary directories have plain names")
        });
        let mut request = Command::new("openssl");
        request.args(["req", "-x509", "-nodes", "-subj", "/CN=peer", "-newkey"]);
        request.args(kind).arg("-keyout").arg(&files[1]);
        output(request.arg("-out").arg(&files[0]));
        let mut show = Command::new("openssl");
        show.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
        let line = output(show.arg(&files[0]));
        let (_, digest) = line.trim().split_once('=').expect("it is NAME=DIGEST");
        Self {
            fingerprint: format!("fingerprint:sha-256 {digest}"),
            directory,
            files,
        }
    }

    /// The same with its key as OpenSSL wrote it before PKCS #8: SEC 1.
    pub(crate) fn traditional(self) -> Self {
        let converted = self.directory().join("traditional.pem");
        let mut convert = Command::new("openssl");
        convert.args(["pkey", "-traditional", "-in", self.key(), "-out"]);
        output(convert.arg(&converted));
        fs::rename(converted, self.key()).expect("both are in one directory of ours");
        self
    }

    pub(crate) fn certificate(&self) -> &str {
        &self.files[0]
    }

    pub(crate) fn key(&self) -> &str {
        &self.files[1]
    }

    /// Where else something may be written.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("it writes ASCII")
}
