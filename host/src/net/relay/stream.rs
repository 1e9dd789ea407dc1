//! A relay over TCP, or over TLS on top of it.
use super::Happening;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

pub(super) struct Stream {
    io: TcpStream,
    is_connected: bool,
    tls: Option<ClientConnection>,
    /// What the system has not taken yet.
    waiting: Vec<u8>,
}

/// Most bytes that wait for a slow connection; what comes on top is lost, as datagrams are.
const MAX_WAITING: usize = 256 * 1024;

impl Stream {
    pub(super) fn open(
        server: SocketAddr,
        tls: Option<ClientConnection>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut io = TcpStream::connect(server)?;
        registry.register(&mut io, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            io,
            is_connected: false,
            tls,
            waiting: Vec::new(),
        })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.io)
    }

    /// A failure shows when the connection is read next.
    pub(super) fn send(&mut self, contents: &[u8]) {
        if self.waiting.len() + contents.len() > MAX_WAITING {
            return;
        }
        if let Err(error) = self.encrypt(contents).and_then(|()| self.flush()) {
            tracing::debug!("to a relay: {error}");
        }
    }

    fn encrypt(&mut self, contents: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.waiting.extend_from_slice(contents),
            Some(tls) => {
                tls.writer().write_all(contents)?;
                while tls.wants_write() {
                    tls.write_tls(&mut self.waiting)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.is_connected && !self.waiting.is_empty() {
            match self.io.write(&self.waiting) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Connects, writes and reads as far as that goes.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) fn handle_ready(
        &mut self,
        buffer: &mut [u8],
        mut tell: impl FnMut(Happening<'_>),
    ) -> io::Result<()> {
        if !self.is_connected {
            if let Some(error) = self.io.take_error()? {
                return Err(error);
            }
            if self.io.peer_addr().is_err() {
                return Ok(()); // not yet
            }
            self.io.set_nodelay(true)?;
            self.is_connected = true;
            tell(Happening::Opened(self.io.local_addr()?));
        }
        self.encrypt(&[])?;
        self.flush()?;
        self.read(buffer, &mut tell)
    }

    fn read(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(Happening<'_>)) -> io::Result<()> {
        loop {
            match self.io.read(buffer) {
                Ok(0) => {
                    let cause = "it has closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, cause));
                }
                Ok(length) if self.tls.is_none() => tell(Happening::Bytes(&buffer[..length])),
                Ok(length) => self.decrypt(&mut &buffer[..length], tell)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn decrypt(
        &mut self,
        bytes: &mut &[u8],
        tell: &mut impl FnMut(Happening<'_>),
    ) -> io::Result<()> {
        while let Some(tls) = &mut self.tls
            && !bytes.is_empty()
        {
            tls.read_tls(bytes)?;
            let state = tls
                .process_new_packets()
                .map_err(|error| io::Error::other(format!("TLS failed: {error}")))?;
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain)?;
            if !plain.is_empty() {
                tell(Happening::Bytes(&plain));
            }
        }
        // The handshake may have to say something.
        self.encrypt(&[])?;
        self.flush()
    }
}
