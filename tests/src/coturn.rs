//! A TURN server of another make, with its own configuration and certificate, ended with the test.
use crate::Lacking;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// A running `turnserver`. Killed when dropped.
#[derive(Debug)]
pub struct Coturn {
    child: Child,
    address: IpAddr,
    port: u16,
    tls_port: u16,
    directory: TempDir,
    log: Receiver<String>,
}

/// A certificate and its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, and those that lead to a trusted one.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Below those that the system gives to whoever asks for any.
const PORTS: Range<u16> = 10_000..32_000;
/// Most ports that are tried.
const TRIES: usize = 1000;
/// How long a line of its log may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The name of its configuration.
const CONFIGURATION: &str = "turnserver.conf";
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
        Self::configure(address, port, tls_port, setting, None, |command| command)
    }

    /// The same here, with this certificate.
    ///
    /// # Errors
    /// What this machine lacks.
    ///
    /// # Panics
    /// The server is there but does not start.
    pub fn start_as(address: IpAddr, identity: &Identity) -> Result<Self, Lacking> {
        let [port, tls_port] = free_ports();
        Self::configure(address, port, tls_port, "", Some(identity), |command| {
            command
        })
    }

    /// Kills it, unless that was done. [`again`](Self::again) starts it anew.
    ///
    /// # Panics
    /// It is not ours.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Starts it here, where it was before it was killed, unless it runs.
    ///
    /// # Panics
    /// It does not start.
    pub fn again(&mut self) {
        if self.child.try_wait().expect("it is ours").is_none() {
            return;
        }
        let mut command = Command::new("turnserver");
        command
            .arg("-c")
            .arg(self.directory.path().join(CONFIGURATION));
        (self.child, self.log) = spawn(command).expect("it was there before");
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
        Self::configure(address, port, tls_port, "", None, inside)
    }

    fn configure(
        address: IpAddr,
        port: u16,
        tls_port: u16,
        setting: &str,
        identity: Option<&Identity>,
        inside: impl FnOnce(Command) -> Command,
    ) -> Result<Self, Lacking> {
        let directory = tempfile::tempdir().map_err(|error| Lacking(error.to_string()))?;
        match identity {
            None => certify(directory.path(), address)?,
            Some(identity) => {
                let write = |name, text| fs::write(directory.path().join(name), text);
                write("certificate.pem", &identity.certificate)
                    .and_then(|()| write("key.pem", &identity.key))
                    .map_err(|error| Lacking(error.to_string()))?;
            }
        }
        let at = directory.path().display();
        let (user, password) = (Self::USER, Self::PASSWORD);
        let configuration = format!(
            "listening-ip={address}\nrelay-ip={address}\n\
             listening-port={port}\ntls-listening-port={tls_port}\n\
             lt-cred-mech\nrealm=handclasp.test\nuser={user}:{password}\nallow-loopback-peers\n\
             cert={at}/certificate.pem\npkey={at}/key.pem\nuserdb={at}/users\npidfile={at}/pid\n\
             no-cli\nno-dtls\nlog-file=stdout\nsimple-log\nverbose\n{setting}\n"
        );
        let file = directory.path().join(CONFIGURATION);
        fs::write(&file, configuration).map_err(|error| Lacking(error.to_string()))?;
        let mut command = Command::new("turnserver");
        command.arg("-c").arg(file);
        let (child, log) = spawn(inside(command))?;
        Ok(Self {
            child,
            address,
            port,
            tls_port,
            directory,
            log,
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

    /// Waits for so many lines of its log that contain all these words.
    ///
    /// # Panics
    /// They do not come.
    pub fn await_log(&self, count: usize, words: &[&str]) {
        let mut said = String::new();
        let mut found = 0;
        while found < count {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{found} lines with {words:?} in:\n{said}"));
            found += usize::from(words.iter().all(|word| line.contains(word)));
            said = said + &line + "\n";
        }
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

fn spawn(mut command: Command) -> Result<(Child, Receiver<String>), Lacking> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| Lacking::tool("turnserver", "coturn"))?;
    let log = await_listening(&mut child);
    Ok((child, log))
}

/// Free a moment ago, over UDP and TCP; nobody here asks for particular ports of these.
fn free_ports() -> [u16; 2] {
    let is_free = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    let mut free = (0..TRIES).map(|_| fastrand::u16(PORTS)).filter(is_free);
    [(); 2].map(|()| free.next().expect("a port is free"))
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
        .map_err(|_| Lacking::tool("openssl", "openssl"))?;
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "no certificate: {said}");
    Ok(())
}

/// Its log is read to the end, or it would stop at a full pipe; what comes from now on is returned line by line.
fn await_listening(child: &mut Child) -> Receiver<String> {
    let mut log = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut said = String::new();
    while !said.ends_with(OPENED) {
        let line = log.next().and_then(Result::ok);
        let line = line.unwrap_or_else(|| panic!("turnserver has ended:\n{said}"));
        said.push('\n');
        said.push_str(line.split_inclusive(OPENED).next().unwrap_or(""));
    }
    let (sender, lines) = channel();
    thread::spawn(move || {
        log.map_while(Result::ok)
            .for_each(|line| drop(sender.send(line)))
    });
    lines
}
