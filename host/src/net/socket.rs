//! A UDP socket that many components may share, and the system's side of it.
use super::batch::Outlet;
use super::demux::Demux;
use super::mailbox::StreamKey;
use super::send_many::send_many;
use super::sockets::Place;
use mio::{Interest, Registry, Token};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use std::io;
use std::net::SocketAddr;

/// A component of a stream.
pub(super) type Member = (StreamKey, u16);

/// A bound, registered socket.
pub(super) struct Socket {
    pub(super) io: Io,
    pub(super) local: SocketAddr,
    pub(super) demux: Demux<Member>,
    /// Where streams that may share it find it.
    pub(super) place: Option<Place>,
}

/// The system's side of a socket.
pub(super) struct Io {
    pub(super) socket: mio::net::UdpSocket,
    pub(super) state: UdpSocketState,
}

/// What a shared socket asks the system to keep of what arrives while the loop is busy; it may get less.
const SHARED_RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

impl Socket {
    pub(super) fn register(
        socket: std::net::UdpSocket,
        registry: &Registry,
        token: Token,
        place: Option<Place>,
    ) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?; // makes it non-blocking
        if place.is_some() {
            state.set_recv_buffer_size(UdpSockRef::from(&socket), SHARED_RECEIVE_BUFFER)?;
        }
        let local = socket.local_addr()?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            io: Io { socket, state },
            local,
            demux: Demux::new(),
            place,
        })
    }

    /// Most datagrams of one system call.
    pub(super) fn max_segments(&self) -> usize {
        self.io.state.max_gso_segments()
    }

    pub(super) fn deregister(mut self, registry: &Registry) {
        // Closing takes it out of the registry anyway.
        let _ = registry.deregister(&mut self.io.socket);
    }
}

impl Outlet for Socket {
    fn try_send(
        &self,
        remote: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: remote,
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        let Io { socket, state } = &self.io;
        state.try_send(UdpSockRef::from(socket), &transmit)
    }

    fn try_send_many<'a>(
        &self,
        datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
    ) -> usize {
        send_many(&self.io.socket, datagrams)
    }
}
