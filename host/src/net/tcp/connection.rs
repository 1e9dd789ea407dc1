//! One TCP connection that carries the datagrams of a pair.
use crate::ice::Pair;
use crate::net::backlog::Backlog;
use crate::net::deframer::{Deframer, header};
use crate::net::keys::ComponentKey;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::time::Instant;

pub(super) struct Connection {
    io: TcpStream,
    /// As ICE knows it.
    pub(super) pair: Pair,
    /// This end as it really is.
    pub(super) local: SocketAddr,
    /// Whose it is: of one that was accepted, its first frame says so.
    pub(super) owner: Option<ComponentKey>,
    /// The listener that accepted it.
    pub(super) listener: Option<usize>,
    /// When something came last; before that, when it was begun.
    pub(super) heard: Instant,
    /// Why it has ended, if that is still to be told.
    pub(super) ended: Option<String>,
    pub(super) deframer: Deframer,
    pub(super) is_connected: bool,
    waiting: Backlog,
}

/// Most bytes that wait for a slow peer; what comes on top does not leave.
const MAX_WAITING: usize = 256 * 1024;
/// Most bytes that wait for a connection to stand: some checks, of which one must arrive.
const MAX_EARLY: usize = 4 * 1024;

impl Connection {
    /// Connects from the local address of `pair`, and any port, to its remote one.
    ///
    /// # Errors
    /// The system refuses that at once.
    pub(super) fn open(
        now: Instant,
        pair: Pair,
        owner: ComponentKey,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let local = SocketAddr::new(pair.local.ip(), 0);
        let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let bound = socket.local_addr()?.as_socket();
        if let Err(error) = socket.connect(&pair.remote.into())
            && !is_under_way(&error)
        {
            return Err(error);
        }
        let io = TcpStream::from_std(socket.into());
        let mut connection = Self::new(now, pair, io, registry, token)?;
        connection.local = bound.unwrap_or(local);
        connection.owner = Some(owner);
        Ok(connection)
    }

    /// Takes one that has come to a listener.
    ///
    /// # Errors
    /// It cannot be watched.
    pub(super) fn accepted(
        now: Instant,
        pair: Pair,
        (io, listener): (TcpStream, usize),
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        io.set_nodelay(true)?;
        let mut connection = Self::new(now, pair, io, registry, token)?;
        connection.listener = Some(listener);
        connection.is_connected = true;
        Ok(connection)
    }

    fn new(
        now: Instant,
        pair: Pair,
        mut io: TcpStream,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        registry.register(&mut io, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            io,
            pair,
            local: pair.local,
            owner: None,
            listener: None,
            heard: now,
            ended: None,
            deframer: Deframer::default(),
            is_connected: false,
            waiting: Backlog::default(),
        })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // Closing takes it out of the registry anyway.
        let _ = registry.deregister(&mut self.io);
    }

    /// Puts a datagram behind those that wait, to leave with [`flush`](Self::flush). Tells whether there was
    /// room for it.
    pub(super) fn push(&mut self, datagram: &[u8]) -> bool {
        let max = match self.is_connected {
            true => MAX_WAITING,
            false => MAX_EARLY,
        };
        let Some(header) = header(datagram) else {
            return false;
        };
        let fits = self.waiting.len() + header.len() + datagram.len() <= max;
        if fits {
            self.waiting.end().extend_from_slice(&header);
            self.waiting.end().extend_from_slice(datagram);
        }
        fits
    }

    /// Whether so much waits that it should leave before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING / 4
    }

    /// Writes what waits, as far as the system takes it. A failure shows when the connection is read next.
    pub(super) fn flush(&mut self) {
        if self.is_connected {
            let _ = self.waiting.write_to(&mut self.io);
        }
    }

    /// Finds out whether it stands.
    ///
    /// # Errors
    /// It will not.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.is_connected {
            return Ok(());
        }
        if let Some(error) = self.io.take_error()? {
            return Err(error);
        }
        if self.io.peer_addr().is_ok() {
            self.io.set_nodelay(true)?;
            self.is_connected = true;
        }
        Ok(())
    }

    /// The next bytes; `None` if there are none now.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.io.read(buffer) {
                Ok(0) => return Err(io::Error::other("the peer has closed it")),
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a connection that does not stand yet may still come to stand.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    error.kind() == ErrorKind::WouldBlock
}
