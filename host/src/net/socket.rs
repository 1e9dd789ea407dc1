//! A UDP socket that many components may share, as the system has it.
use super::batch::Outlet;
use super::send_many::send_many;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;

/// A bound, registered socket.
pub(super) struct Socket {
    socket: mio::net::UdpSocket,
    offload: Offload,
    /// Whether the system gathers what arrives for this socket (GRO).
    gathers: bool,
}

/// What the system can do with many datagrams at a time: found out once, for all sockets of a loop.
#[derive(Clone)]
pub(super) struct Offload(Arc<UdpSocketState>);

impl Offload {
    /// # Errors
    /// The system refuses an option that the socket cannot do without.
    pub(super) fn of(socket: &mio::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(socket))?;
        Ok(Self(Arc::new(state)))
    }
}

/// What a shared socket asks the system to keep of what arrives while the loop is busy; it may get less.
const SHARED_RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

impl Socket {
    pub(super) fn register(
        mut socket: mio::net::UdpSocket,
        offload: Offload,
        registry: &Registry,
        token: Token,
        is_shared: bool,
    ) -> io::Result<Self> {
        registry.register(&mut socket, token, Interest::READABLE)?;
        let mut socket = Self {
            socket,
            offload,
            gathers: false,
        };
        if is_shared {
            let state = &socket.offload.0;
            let socket = UdpSockRef::from(&socket.socket);
            state.set_recv_buffer_size(socket, SHARED_RECEIVE_BUFFER)?;
        }
        // Other systems receive nothing without.
        if is_shared || cfg!(not(target_os = "linux")) {
            socket.gather()?;
        }
        Ok(socket)
    }

    /// Most datagrams of one system call.
    pub(super) fn max_segments(&self) -> usize {
        self.offload.0.max_gso_segments()
    }

    /// Data flows through this socket: from now on the system gathers it. For ICE and a handshake alone that is
    /// not worth its system calls.
    pub(super) fn expect_data(&mut self) {
        if !self.gathers
            && let Err(error) = self.gather()
        {
            tracing::debug!("data arrives one by one: {error}");
        }
    }

    /// Takes what has arrived, up to a batch.
    pub(super) fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let state = &self.offload.0;
        state.recv(UdpSockRef::from(&self.socket), buffers, metas)
    }

    fn gather(&mut self) -> io::Result<()> {
        self.gathers = true;
        Offload::of(&self.socket).map(drop)
    }
}

impl Outlet for Socket {
    fn try_send(
        &self,
        remote: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let Self {
            socket, offload, ..
        } = self;
        let Some(segment_size) = segment_size else {
            return socket.send_to(contents, remote).map(drop);
        };
        let transmit = Transmit {
            destination: remote,
            ecn: None,
            contents,
            segment_size: Some(segment_size),
            src_ip: None,
        };
        offload.0.try_send(UdpSockRef::from(socket), &transmit)
    }

    fn try_send_many<'a>(
        &self,
        datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
    ) -> usize {
        send_many(&self.socket, datagrams)
    }
}
