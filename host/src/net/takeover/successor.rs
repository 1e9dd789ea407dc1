//! The link to the process that has taken over.
use super::datagram::PassedDatagram;
use super::state::TakeoverState;
use crate::net::backlog::Backlog;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Datagrams on their way to the successor's loop of the same number.
#[derive(Debug)]
pub(in super::super) struct Successor {
    link: mio::net::UnixStream,
    backlog: Backlog,
    state: Arc<TakeoverState>,
}

/// Bytes that wait for it at most: as many as are kept in a socket that is shared.
const MAX_WAITING: usize = 4 * 1024 * 1024;
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

    /// Writes what waits, as far as it is taken.
    ///
    /// # Errors
    /// The successor is gone.
    pub(in super::super) fn flush(&mut self) -> io::Result<()> {
        match self.backlog.len() {
            0 => Ok(()),
            _ => self.backlog.write_to(&mut self.link),
        }
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
        let written = self
            .waiting_link()
            .and_then(|mut link| self.backlog.write_to(&mut link));
        if written.is_err() || self.backlog.len() > 0 {
            tracing::warn!(
                "{} bytes of what came last were not passed on",
                self.backlog.len()
            );
        }
    }

    /// The link as one that waits until there is room.
    fn waiting_link(&self) -> io::Result<std::os::unix::net::UnixStream> {
        use std::os::fd::AsFd as _;
        let link: OwnedFd = self.link.as_fd().try_clone_to_owned()?;
        let link = std::os::unix::net::UnixStream::from(link);
        link.set_nonblocking(false)?;
        link.set_write_timeout(Some(PATIENCE))?;
        Ok(link)
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.state.successor_ended();
    }
}
