//! A relay over UDP: a socket that is connected, so that only the server's datagrams come, and an ICMP error
//! tells that the server is gone.
use super::RelayEvent;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) struct Datagrams {
    io: UdpSocket,
}

/// Most datagrams that are taken before others have their turn.
const MAX_READS: usize = 64;

impl Datagrams {
    /// Also gives this end's address.
    pub(super) fn open(
        server: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<(Self, SocketAddr)> {
        let any = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut io = UdpSocket::bind(any)?;
        io.connect(server)?;
        let local = io.local_addr()?;
        registry.register(&mut io, token, Interest::READABLE)?;
        Ok((Self { io }, local))
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.io)
    }

    /// Tells whether it leaves.
    pub(super) fn send(&self, contents: &[u8]) -> bool {
        let Err(error) = self.io.send(contents) else {
            return true;
        };
        // An ICMP error of an earlier datagram's comes here first; another try sends this one.
        let again = self.io.send(contents);
        tracing::debug!("to a relay: {error}, then {again:?}");
        again.is_ok()
    }

    /// Takes what has come. Returns whether there may be more.
    ///
    /// # Errors
    /// The server is not there.
    pub(super) fn receive(
        &self,
        buffer: &mut [u8],
        mut tell: impl FnMut(RelayEvent<'_>),
    ) -> io::Result<bool> {
        for _ in 0..MAX_READS {
            match self.io.recv(buffer) {
                Ok(length) => tell(RelayEvent::Bytes(&buffer[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::Poll;

    #[test]
    fn others_have_their_turn_before_all_has_been_taken() {
        let poll = Poll::new().expect("the system can wait");
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        let at = server.local_addr().expect("it is bound");
        let opened = Datagrams::open(at, poll.registry(), Token(0));
        let (relay, local) = opened.expect("it is there");
        for _ in 0..MAX_READS + 1 {
            // Over loopback it has arrived then.
            server.send_to(b"datagram", local).expect("it is there");
        }
        let turn = || {
            let (mut buffer, mut taken) = ([0; 100], 0);
            let more = relay.receive(&mut buffer, |_| taken += 1);
            (taken, more.expect("the server is there"))
        };
        assert_eq!(turn(), (MAX_READS, true));
        assert_eq!(turn(), (1, false));
    }
}
