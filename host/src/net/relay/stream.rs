//! A relay over TCP, or over TLS on top of it.
use super::RelayEvent;
use crate::net::backlog::Backlog;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

pub(super) struct Stream {
    io: TcpStream,
    is_connected: bool,
    tls: Option<ClientConnection>,
    waiting: Backlog,
}

/// Most bytes that wait for a slow connection; what comes on top is lost, as datagrams are.
const MAX_WAITING: usize = 256 * 1024;
/// Most reads before others have their turn.
const MAX_READS: usize = 4;

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
            waiting: Backlog::default(),
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
            None => self.waiting.end().extend_from_slice(contents),
            Some(tls) => {
                tls.writer().write_all(contents)?;
                while tls.wants_write() {
                    tls.write_tls(self.waiting.end())?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.is_connected {
            true => self.waiting.write_to(&mut self.io),
            false => Ok(()),
        }
    }

    /// Connects, writes and reads as far as that goes. Returns whether there may be more to read.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) fn handle_ready(
        &mut self,
        buffer: &mut [u8],
        mut tell: impl FnMut(RelayEvent<'_>),
    ) -> io::Result<bool> {
        if !self.is_connected {
            if let Some(error) = self.io.take_error()? {
                return Err(error);
            }
            if self.io.peer_addr().is_err() {
                return Ok(false); // not yet
            }
            self.io.set_nodelay(true)?;
            self.is_connected = true;
            tell(RelayEvent::Opened(self.io.local_addr()?));
        }
        self.encrypt(&[])?;
        self.flush()?;
        self.read(buffer, &mut tell)
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        tell: &mut impl FnMut(RelayEvent<'_>),
    ) -> io::Result<bool> {
        for _ in 0..MAX_READS {
            match self.io.read(buffer) {
                Ok(0) => {
                    let cause = "it has closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, cause));
                }
                Ok(length) if self.tls.is_none() => tell(RelayEvent::Bytes(&buffer[..length])),
                Ok(length) => self.decrypt(&mut &buffer[..length], tell)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn decrypt(
        &mut self,
        bytes: &mut &[u8],
        tell: &mut impl FnMut(RelayEvent<'_>),
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
                tell(RelayEvent::Bytes(&plain));
            }
        }
        // The handshake may have to say something.
        self.encrypt(&[])?;
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::net::TcpListener;

    #[test]
    fn others_have_their_turn_before_all_has_been_read() {
        let mut poll = Poll::new().expect("the system can wait");
        let server = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let at = server.local_addr().expect("it is bound");
        let opened = Stream::open(at, None, poll.registry(), Token(0));
        let mut relay = opened.expect("it is there");
        let (mut client, _) = server.accept().expect("it connects");
        let mut buffer = [0; 10];
        let all = vec![7; (MAX_READS + 1) * buffer.len()];
        client.write_all(&all).expect("it is connected"); // in one segment
        let mut events = Events::with_capacity(1);
        while !events.iter().any(mio::event::Event::is_readable) {
            poll.poll(&mut events, None).expect("nothing interrupts it");
        }
        let mut turn = || {
            let mut taken = 0;
            let served = relay.handle_ready(&mut buffer, |event| match event {
                RelayEvent::Bytes(bytes) => taken += bytes.len(),
                RelayEvent::Opened(_) | RelayEvent::Closed(_) => {}
            });
            (taken, served.expect("the server is there"))
        };
        assert_eq!(turn(), (MAX_READS * 10, true));
        assert_eq!(turn(), (10, false));
    }
}
