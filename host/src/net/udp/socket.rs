//! A UDP socket that many components may share, as the system has it.
use crate::net::departures::DepartureCounter;
use crate::net::udp::batch::Outlet;
use crate::net::udp::fragments;
use crate::net::udp::send_many::send_many;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;

/// A bound socket.
pub(in crate::net) struct Socket {
    socket: mio::net::UdpSocket,
    offload: Offload,
    departures: Arc<DepartureCounter>,
    /// Whether the system gathers what arrives for this socket (GRO).
    gathers: bool,
}

/// What the system can do with many datagrams at a time: found out once, for all sockets of a loop.
#[derive(Clone)]
pub(in crate::net) struct Offload(Arc<UdpSocketState>);

impl Offload {
    /// # Errors
    /// The system refuses an option that sockets cannot do without.
    pub(in crate::net) fn of(socket: &mio::net::UdpSocket) -> io::Result<Self> {
        let state = match cfg!(target_os = "linux") {
            true => {
                // quinn-udp forbids the socket it is shown to send in fragments: this one sends nothing.
                let address = SocketAddr::new(socket.local_addr()?.ip(), 0);
                let other = mio::net::UdpSocket::bind(address)?;
                UdpSocketState::new(UdpSockRef::from(&other))?
            }
            false => UdpSocketState::new(UdpSockRef::from(socket))?,
        };
        Ok(Self(Arc::new(state)))
    }
}

impl Socket {
    pub(in crate::net) fn new(
        socket: mio::net::UdpSocket,
        offload: Offload,
        departures: Arc<DepartureCounter>,
        is_shared: bool,
    ) -> io::Result<Self> {
        fragments::allow(&socket)?;
        let mut socket = Self {
            socket,
            offload,
            departures,
            gathers: false,
        };
        // Other systems receive nothing without.
        if is_shared || cfg!(not(target_os = "linux")) {
            socket.expect_data();
        }
        Ok(socket)
    }

    /// Has the loop receive what comes.
    pub(in crate::net) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Most datagrams of one system call.
    pub(in crate::net) fn max_segments(&self) -> usize {
        self.offload.0.max_gso_segments()
    }

    /// Data flows through this socket: from now on the system gathers it. For ICE and a handshake alone that is
    /// not worth its system calls.
    pub(in crate::net) fn expect_data(&mut self) {
        if !self.gathers
            && let Err(error) = self.enable_gro()
        {
            tracing::debug!("data arrives one by one: {error}");
        }
    }

    /// Takes what has arrived, up to a batch.
    pub(in crate::net) fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let state = &self.offload.0;
        state.recv(UdpSockRef::from(&self.socket), buffers, metas)
    }

    fn enable_gro(&mut self) -> io::Result<()> {
        self.gathers = true;
        // On Linux quinn-udp would forbid it fragments, which for IPv6 cannot be taken back from here: its datagrams
        // arrive in batches, one by one.
        if cfg!(target_os = "linux") && self.socket.local_addr()?.is_ipv6() {
            return Ok(());
        }
        UdpSocketState::new(UdpSockRef::from(&self.socket))?;
        fragments::allow(&self.socket)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
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
            socket,
            offload,
            departures,
            ..
        } = self;
        let Some(segment_size) = segment_size else {
            socket.send_to(contents, remote)?;
            departures.add(1, contents.len());
            return Ok(());
        };
        let transmit = Transmit {
            destination: remote,
            ecn: None,
            contents,
            segment_size: Some(segment_size),
            src_ip: None,
        };
        offload.0.try_send(UdpSockRef::from(socket), &transmit)?;
        departures.add(contents.len().div_ceil(segment_size), contents.len());
        Ok(())
    }

    fn try_send_many<'a>(
        &self,
        datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])> + Clone,
    ) -> usize {
        let sent = send_many(&self.socket, datagrams.clone());
        if sent > 0 {
            let bytes = datagrams.take(sent).map(|(_, datagram)| datagram.len());
            self.departures.add(sent, bytes.sum());
        }
        sent
    }
}
