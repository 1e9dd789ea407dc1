//! A relay over TCP, or over TLS on top of it.
use super::RelayEvent;
use super::session::{Session, closed};
use crate::net::backlog::Backlog;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;

pub(super) struct Stream {
    io: TcpStream,
    is_connected: bool,
    tls: Option<Session>,
    waiting: Backlog,
}

/// Most bytes that wait for a slow connection; what comes on top does not leave.
const MAX_WAITING: usize = 256 * 1024;
/// Most reads before others have their turn.
const MAX_READS: usize = 4;

impl Stream {
    pub(super) fn open(
        server: SocketAddr,
        tls: Option<Session>,
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

    /// Tells whether there is room for it. A failure shows when the connection is read next.
    pub(super) fn send(&mut self, contents: &[u8]) -> bool {
        let has_room = self.waiting.len() + contents.len() <= MAX_WAITING;
        if has_room && let Err(error) = self.encrypt(contents).and_then(|()| self.flush()) {
            tracing::debug!("to a relay: {error}");
        }
        has_room
    }

    fn encrypt(&mut self, contents: &[u8]) -> io::Result<()> {
        let out = self.waiting.end();
        match &mut self.tls {
            None => {
                out.extend_from_slice(contents);
                Ok(())
            }
            Some(tls) => tls.encrypt(contents, out),
        }
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
                Ok(0) => return Err(closed()),
                Ok(length) => self.take(&buffer[..length], tell)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn take(&mut self, bytes: &[u8], tell: &mut impl FnMut(RelayEvent<'_>)) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            tell(RelayEvent::Bytes(bytes));
            return Ok(());
        };
        tls.decrypt(bytes, |plain| tell(RelayEvent::Bytes(plain)))?;
        // The handshake may have to say something.
        self.encrypt(&[])?;
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::io::Write as _;
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

    #[test]
    fn what_a_slow_server_does_not_take_is_refused() {
        let poll = Poll::new().expect("the system can wait");
        let server = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let at = server.local_addr().expect("it is bound");
        let opened = Stream::open(at, None, poll.registry(), Token(0));
        let mut relay = opened.expect("it is there");
        let datagram = [7; 1000];
        let taken = (0..1000).take_while(|_| relay.send(&datagram)).count();
        assert_eq!(
            taken,
            MAX_WAITING / datagram.len(),
            "it is not connected yet"
        );
        assert_eq!(relay.waiting.len(), taken * datagram.len());
    }
}
