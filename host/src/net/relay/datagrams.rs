//! A relay over UDP: a socket that is connected, so that only the server's datagrams come, and an ICMP error
//! tells that the server is gone.
use super::Happening;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) struct Datagrams {
    io: UdpSocket,
}

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

    pub(super) fn send(&self, contents: &[u8]) {
        if let Err(error) = self.io.send(contents) {
            // An ICMP error of an earlier datagram's comes here first; another try sends this one.
            let again = self.io.send(contents);
            tracing::debug!("to a relay: {error}, then {again:?}");
        }
    }

    /// Takes all that has come.
    ///
    /// # Errors
    /// The server is not there.
    pub(super) fn receive(
        &self,
        buffer: &mut [u8],
        mut tell: impl FnMut(Happening<'_>),
    ) -> io::Result<()> {
        loop {
            match self.io.recv(buffer) {
                Ok(length) => tell(Happening::Bytes(&buffer[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
