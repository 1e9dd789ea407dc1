//! A TURN server of another make, with its own configuration and certificate, ended with the test.
use crate::Lacking;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use tempfile::TempDir;

/// A running `turnserver`. Killed when dropped.
#[derive(Debug)]
pub struct Coturn {
    child: Child,
    address: IpAddr,
    port: u16,
    tls_port: u16,
    directory: TempDir,
}

/// What is said last of what it opens.
const OPENED: &str = "Total General servers";

impl Coturn {
    /// The name of its one user.
    pub const USER: &str = "alice";
    /// The password of its one user.
    pub const PASSWORD: &str = "open sesame";

    /// Starts it on `address`, with ports of its own, and waits until it listens. `inside` makes of its command
    /// one that runs where that address is, such as in a namespace; return the command as it is for here.
    ///
    /// # Errors
    /// What this machine lacks.
    ///
    /// # Panics
    /// The server is there but does not start.
    pub fn start(
        address: IpAddr,
        inside: impl FnOnce(Command) -> Command,
    ) -> Result<Self, Lacking> {
        let [port, tls_port] = free_ports();
        Self::start_on(address, port, tls_port, inside)
    }

    /// The same here, with one more line of configuration.
    ///
    /// # Errors
    /// What this machine lacks.
    ///
    /// # Panics
    /// The server is there but does not start.
    pub fn start_with(address: IpAddr, setting: &str) -> Result<Self, Lacking> {
        let [port, tls_port] = free_ports();
        Self::configure(address, port, tls_port, setting, |command| command)
    }

    /// The same, on these ports.
    ///
    /// # Errors
    /// What this machine lacks.
    ///
    /// # Panics
    /// The server is there but does not start.
    pub fn start_on(
        address: IpAddr,
        port: u16,
        tls_port: u16,
        inside: impl FnOnce(Command) -> Command,
    ) -> Result<Self, Lacking> {
        Self::configure(address, port, tls_port, "", inside)
    }

    fn configure(
        address: IpAddr,
        port: u16,
        tls_port: u16,
        setting: &str,
        inside: impl FnOnce(Command) -> Command,
    ) -> Result<Self, Lacking> {
        let directory = tempfile::tempdir().map_err(|error| Lacking(error.to_string()))?;
        certify(directory.path(), address)?;
        let at = directory.path().display();
        let (user, password) = (Self::USER, Self::PASSWORD);
        let configuration = format!(
            "listening-ip={address}\nrelay-ip={address}\n\
             listening-port={port}\ntls-listening-port={tls_port}\n\
             lt-cred-mech\nrealm=handclasp.test\nuser={user}:{password}\nallow-loopback-peers\n\
             cert={at}/certificate.pem\npkey={at}/key.pem\nuserdb={at}/users\npidfile={at}/pid\n\
             no-cli\nno-dtls\nlog-file=stdout\nsimple-log\nverbose\n{setting}\n"
        );
        let file = directory.path().join("turnserver.conf");
        fs::write(&file, configuration).map_err(|error| Lacking(error.to_string()))?;
        let mut command = Command::new("turnserver");
        command.arg("-c").arg(file);
        let mut child = inside(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Lacking(format!("no turnserver ({error}): install coturn")))?;
        await_listening(&mut child);
        Ok(Self {
            child,
            address,
            port,
            tls_port,
            directory,
        })
    }

    /// For STUN.
    pub fn stun(&self) -> String {
        format!("stun:{}", self.host(self.port))
    }

    /// For TURN over UDP, with the user and the password.
    pub fn udp(&self) -> String {
        format!("turn:{}@{}", self.user(), self.host(self.port))
    }

    /// The same without the password.
    pub fn udp_of_user(&self) -> String {
        format!("turn:{}@{}", Self::USER, self.host(self.port))
    }

    /// For TURN over TCP.
    pub fn tcp(&self) -> String {
        format!("{}?transport=tcp", self.udp())
    }

    /// For TURN over TLS; trust the [`certificate`](Self::certificate).
    pub fn tls(&self) -> String {
        format!("turns:{}@{}", self.user(), self.host(self.tls_port))
    }

    /// The port of UDP and TCP, and that of TLS.
    pub fn ports(&self) -> (u16, u16) {
        (self.port, self.tls_port)
    }

    /// Its certificate, signed by itself.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    fn user(&self) -> String {
        format!("{}:{}", Self::USER, Self::PASSWORD.replace(' ', "%20"))
    }

    fn host(&self, port: u16) -> String {
        match self.address {
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free a moment ago; nothing else here asks for particular ports.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

fn certify(directory: &Path, address: IpAddr) -> Result<(), Lacking> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=relay"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext"])
        .arg(format!("subjectAltName=IP:{address}"))
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(directory)
        .output()
        .map_err(|error| Lacking(format!("no openssl ({error}): install it")))?;
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "no certificate: {said}");
    Ok(())
}

/// Its log is read to the end, or it would stop at a full pipe.
fn await_listening(child: &mut Child) {
    let mut log = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut said = String::new();
    while !said.ends_with(OPENED) {
        let line = log.next().and_then(Result::ok);
        let line = line.unwrap_or_else(|| panic!("turnserver has ended:\n{said}"));
        said.push('\n');
        said.push_str(line.split_inclusive(OPENED).next().unwrap_or(""));
    }
    thread::spawn(move || log.for_each(drop));
}
