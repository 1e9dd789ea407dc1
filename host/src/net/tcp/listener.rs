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

    /// The next connection and the pair it is of; `None` if there is none now.
    pub(super) fn accept(&mut self, local: SocketAddr) -> Option<(TcpStream, Pair)> {
        self.is_stuck = false;
        loop {
            match self.io.accept() {
                Ok((io, remote)) => return Some((io, Pair::tcp(local, remote))),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Such as that all descriptors are in use.
                        tracing::debug!("accept: {error}");
                        self.is_stuck = true;
                        return None;
                    }
                },
            }
        }
    }
}
