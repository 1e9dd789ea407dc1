//! HTTP as little as a test needs.
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its first line and headers.
    pub head: String,
    /// What follows these.
    pub body: String,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for a path.
pub fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    ask(
        address,
        format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes(),
    )
}

/// The value of one series that the daemon tells at this address, named with its labels as it writes them.
pub fn metric(address: SocketAddr, series: &str) -> Option<f64> {
    let metrics = get(address, "/metrics")?.body;
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Sends this, and reads to the end. `None` if there is no answer.
pub fn ask(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // Whoever answers may not want all of it.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    // What has come before a reset counts.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
