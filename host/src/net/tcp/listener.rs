//! TCP listeners, each beside a UDP socket, which components may share as they share that.
use crate::ice::{ACTIVE_PORT, Pair};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

pub(super) struct Listener {
    io: TcpListener,
    /// Connections that are nobody's yet, the oldest first.
    pub(super) strangers: VecDeque<usize>,
    /// The system had no place for a connection: it is to be asked again.
    pub(super) is_stuck: bool,
}

/// What the system has for a listener.
pub(super) enum Accepted {
    /// A connection, and the pair it is of.
    Connection(TcpStream, Pair),
    /// A connection that has ended before it was accepted: there may be others.
    Gone,
    /// No connection now.
    Nothing,
}

impl Listener {
    /// Also gives its address.
    pub(super) fn register(
        io: std::net::TcpListener,
        registry: &Registry,
        token: Token,
    ) -> io::Result<(Self, SocketAddr)> {
        io.set_nonblocking(true)?;
        let local = io.local_addr()?;
        if local.port() == ACTIVE_PORT {
            let cause = "port 9 marks connections that are made (RFC 6544), none can come there";
            return Err(io::Error::new(ErrorKind::AddrNotAvailable, cause));
        }
        let mut io = TcpListener::from_std(io);
        registry.register(&mut io, token, Interest::READABLE)?;
        let listener = Self {
            io,
            strangers: VecDeque::new(),
            is_stuck: false,
        };
        Ok((listener, local))
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.io)
    }

    /// A connection has ended or has become somebody's.
    pub(super) fn forget(&mut self, index: usize) {
        self.strangers.retain(|stranger| *stranger != index);
    }

    /// Asks the system once for the next connection.
    pub(super) fn accept(&mut self, local: SocketAddr) -> Accepted {
        self.is_stuck = false;
        match self.io.accept() {
            Ok((io, remote)) => Accepted::Connection(io, Pair::tcp(local, remote)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Accepted::Nothing,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => Accepted::Gone,
                _ => {
                    // Such as that all descriptors are in use.
                    tracing::debug!("accept: {error}");
                    self.is_stuck = true;
                    Accepted::Nothing
                }
            },
        }
    }
}
