//! The link to the process that has taken over.
use super::datagram::PassedDatagram;
use super::state::TakeoverState;
use crate::net::backlog::Backlog;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Datagrams on their way to the successor's loop of the same number.
#[derive(Debug)]
pub(in super::super) struct Successor {
    link: mio::net::UnixStream,
    backlog: Backlog,
    /// When it is told next that this loop turns.
    next: Instant,
    state: Arc<TakeoverState>,
}

/// Bytes that wait for it at most: as many as are kept in a socket that is shared.
const MAX_WAITING: usize = 4 * 1024 * 1024;
/// Bytes that are kept for what comes next.
const KEPT: usize = 256 * 1024;
/// How often the successor is told that the loop turns.
const PERIOD: Duration = Duration::from_secs(1);
/// A frame without a datagram.
const NOTHING: [u8; 2] = [0, 0];
/// How long the end of a loop waits for the successor to take the rest.
const PATIENCE: Duration = Duration::from_secs(1);

impl Successor {
    pub(in super::super) fn register(
        link: std::os::unix::net::UnixStream,
        state: Arc<TakeoverState>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        link.set_nonblocking(true)?;
        let mut link = mio::net::UnixStream::from_std(link);
        registry.register(&mut link, token, Interest::READABLE | Interest::WRITABLE)?;
        state.succeeded();
        Ok(Self {
            link,
            backlog: Backlog::default(),
            next: Instant::now(),
            state,
        })
    }

    /// Passes on a datagram that has come to `local`. Returns whether there was room for it.
    pub(in super::super) fn push(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        content: &[u8],
    ) -> bool {
        let datagram = PassedDatagram {
            local,
            remote,
            content,
        };
        self.backlog.len() + content.len() <= MAX_WAITING && datagram.write(self.backlog.end())
    }

    /// When there is something to tell, whether a datagram comes or not.
    pub(in super::super) fn next(&self) -> Instant {
        self.next
    }

    /// Writes what waits, as far as it is taken, and every second that the loop turns.
    ///
    /// # Errors
    /// The successor is gone.
    pub(in super::super) fn tell(&mut self, now: Instant) -> io::Result<()> {
        if now >= self.next {
            self.next = now + PERIOD;
            if self.backlog.len() == 0 {
                self.backlog.end().extend_from_slice(&NOTHING);
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.backlog.len() {
            0 => return Ok(()),
            _ => self.backlog.write_to(&mut self.link),
        }?;
        if self.backlog.len() == 0 {
            self.backlog.end().shrink_to(KEPT);
        }
        Ok(())
    }

    /// The system has told something of the link.
    ///
    /// # Errors
    /// The successor is gone.
    pub(in super::super) fn handle_ready(&mut self) -> io::Result<()> {
        match self.link.read(&mut [0; 64]) {
            Ok(_) => return Err(ErrorKind::UnexpectedEof.into()), // it has nothing to say
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.flush()
    }

    /// The loop receives nothing any more: what waits is written before the link ends.
    pub(in super::super) fn finish(mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.flush().is_ok() && self.backlog.len() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let mut link = [PollFd::new(&self.link, PollFlags::OUT)];
            let left = left.try_into().ok();
            let _ = poll(&mut link, left.as_ref()); // until then, or to no avail
        }
        let left = self.backlog.len();
        if left > 0 {
            tracing::warn!("{left} bytes of what came last were not passed on");
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.state.successor_ended();
    }
}
