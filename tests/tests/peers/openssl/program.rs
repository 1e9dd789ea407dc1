//! `openssl s_client` and `openssl s_server`.
use super::certificate::Certificate;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const LABEL: &str = "EXTRACTOR-dtls_srtp";

/// A program that speaks DTLS-SRTP, and says what it agreed on. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    key_log: PathBuf,
}

/// What it says.
pub(crate) struct Agreed {
    pub(crate) profile: String,
    /// The exporter's output.
    pub(crate) material: Vec<u8>,
}

impl Program {
    /// A client of the server at this address.
    pub(crate) fn client(certificate: &Certificate, profile: &Profile, server: SocketAddr) -> Self {
        let server = server.to_string();
        Self::start(certificate, profile, &["s_client", "-connect", &server])
    }

    /// A server, and where it listens.
    pub(crate) fn server(certificate: &Certificate, profile: &Profile) -> (Self, SocketAddr) {
        let accept = ["s_server", "-accept", "127.0.0.1:0", "-Verify", "1"];
        let mut server = Self::start(certificate, profile, &accept);
        let address = server.after("ACCEPT ");
        (server, address.parse().expect("it says where it listens"))
    }

    fn start(certificate: &Certificate, profile: &Profile, what: &[&str]) -> Self {
        let key_log = certificate.directory().join("keylog");
        let mut child = Command::new("openssl")
            .args(what)
            .args(["-dtls1_2", "-use_srtp", profile.name])
            .args(["-keymatexport", LABEL, "-keymatexportlen"])
            .arg(profile.exported().to_string())
            .arg("-cert")
            .arg(certificate.certificate())
            .arg("-key")
            .arg(certificate.key())
            .arg("-keylogfile")
            .arg(&key_log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl was looked for");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(stdout).lines(),
            child,
            key_log,
        }
    }

    /// What the handshake came to.
    pub(crate) fn agreed(&mut self) -> Agreed {
        Agreed {
            profile: self.after("SRTP Extension negotiated, profile="),
            material: from_hex(&self.after("    Keying material: ")),
        }
    }

    /// Has a client say goodbye.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Has a server hear a goodbye.
    pub(crate) fn hear_the_end(&mut self) {
        self.after("DONE");
    }

    /// The line of the key log about its session.
    pub(crate) fn logged(&self) -> String {
        let text = fs::read_to_string(&self.key_log).expect("it writes one");
        let newest = text.lines().last(); // it appends, as everybody does
        newest.expect("it has a session").to_owned()
    }

    /// The rest of the next line that begins so.
    fn after(&mut self, beginning: &str) -> String {
        for line in &mut self.stdout {
            let line = line.expect("it writes ASCII");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
        panic!("openssl ended without saying {beginning:?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An SRTP protection profile.
pub(crate) struct Profile {
    /// OpenSSL's word.
    pub(crate) name: &'static str,
    /// IANA's.
    pub(crate) number: u16,
    /// Bytes.
    pub(crate) key: usize,
    pub(crate) salt: usize,
}

impl Profile {
    /// Bytes of the exporter's output.
    pub(crate) fn exported(&self) -> usize {
        2 * (self.key + self.salt)
    }
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("it is hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}
