//! Asking the local network for a name: browsers hide their addresses behind such names.
use super::messages::{PORT, answer, question};
use super::socket::GroupSocket;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A question is asked once a second (RFC 6762, section 5.2), so many times.
const EVERY: Duration = Duration::from_secs(1);
const TIMES: u32 = 3;

/// The addresses that a name ending in `.local` stands for, at least one. Takes up to three seconds.
///
/// # Errors
/// Part of a sentence: nobody answers, or the network cannot be asked.
pub(in crate::net) fn resolve(name: &str) -> Result<Vec<IpAddr>, String> {
    let failed = |error: io::Error| format!("multicast DNS does not work here: {error}");
    let socket = GroupSocket::open().map_err(failed)?;
    let question = question(name)?;
    for _ in 0..TIMES {
        socket.send_to_all(&question);
        let found = listen(&socket, name, Instant::now() + EVERY).map_err(failed)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(format!("nobody on the local network answers to {name}"))
}

/// What is answered until then, or all of the first answer.
fn listen(socket: &GroupSocket, name: &str, until: Instant) -> io::Result<Vec<IpAddr>> {
    let mut buffer = [0; GroupSocket::MAX_PACKET];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Vec::new());
        }
        socket.io().set_read_timeout(Some(left))?;
        let (len, source) = match socket.io().recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(error),
        };
        // Whoever is farther away has no say (RFC 6762, sections 6 and 11).
        if source.port() != PORT || !socket.is_on_link(source.ip()) {
            continue;
        }
        let found = answer(&buffer[..len], name);
        if !found.is_empty() {
            return Ok(found);
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock | Interrupted)
}
