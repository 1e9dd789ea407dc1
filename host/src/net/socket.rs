//! A UDP socket that many components may share, and batches in both directions.
use super::demux::Demux;
use super::mailbox::StreamKey;
use super::sockets::Place;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
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
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
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

    /// Sends one datagram, or several of `segment_size`, of which the last may be shorter.
    pub(super) fn try_send(
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

    pub(super) fn deregister(mut self, registry: &Registry) {
        // Closing takes it out of the registry anyway.
        let _ = registry.deregister(&mut self.io.socket);
    }
}

/// The memory for one batch of received datagrams.
pub(super) struct Receiver {
    storage: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
}

/// With GRO a buffer holds several datagrams.
const BUFFER: usize = 64 * 1024;
/// Turns a busy socket gets before the others are looked at again.
const MAX_BATCHES: usize = 8;

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            storage: vec![0; BATCH_SIZE * BUFFER].into_boxed_slice(),
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// Takes what has arrived. Returns whether there may be more.
    pub(super) fn receive(&mut self, io: &Io, mut each: impl FnMut(SocketAddr, &[u8])) -> bool {
        for _ in 0..MAX_BATCHES {
            let received = {
                let mut chunks = self.storage.chunks_exact_mut(BUFFER);
                let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
                    IoSliceMut::new(chunks.next().expect("as many as make a batch"))
                });
                io.state
                    .recv(UdpSockRef::from(&io.socket), &mut slices, &mut self.metas)
            };
            let received = match received {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // Such as an ICMP error for an earlier datagram: the socket lives on.
                    tracing::debug!("receive: {error}");
                    continue;
                }
            };
            for (meta, buffer) in self.metas[..received]
                .iter()
                .zip(self.storage.chunks_exact(BUFFER))
            {
                for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    each(meta.addr, datagram);
                }
            }
            if received < BATCH_SIZE {
                return false;
            }
        }
        true
    }
}

/// Datagrams on their way out: neighbours of one size to one address leave together (GSO).
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    socket: usize,
    remote: SocketAddr,
    /// Whose application sent them, if one did: it hears of a failure.
    member: Option<Member>,
}

/// What became of a batch that could not be sent.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) member: Option<Member>,
    pub(super) count: usize,
    pub(super) error: io::Error,
}

/// Most bytes of one system call (the largest UDP payload of IPv4).
const MAX_BATCH: usize = 65_507;

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(MAX_BATCH),
            segment: 0,
            count: 0,
            socket: 0,
            remote: SocketAddr::from(([0, 0, 0, 0], 0)),
            member: None,
        }
    }

    /// Whether a datagram may join those that wait.
    pub(super) fn takes(
        &self,
        socket: usize,
        remote: SocketAddr,
        member: Option<Member>,
        len: usize,
        max_segments: usize,
    ) -> bool {
        let full = self.bytes.len() >= self.segment * self.count; // all of one size so far
        self.count == 0
            || (full
                && self.socket == socket
                && self.remote == remote
                && self.member == member
                && len <= self.segment
                && len > 0
                && self.count < max_segments
                && self.bytes.len() + len <= MAX_BATCH)
    }

    /// Adds a datagram that [`takes`](Self::takes) allows.
    pub(super) fn push(
        &mut self,
        socket: usize,
        remote: SocketAddr,
        member: Option<Member>,
        datagram: &[u8],
    ) {
        if self.count == 0 {
            (self.socket, self.remote, self.member) = (socket, remote, member);
            self.segment = datagram.len();
        }
        self.bytes.extend_from_slice(datagram);
        self.count += 1;
    }

    /// The index of the socket that the waiting datagrams leave by.
    pub(super) fn socket(&self) -> Option<usize> {
        (self.count > 0).then_some(self.socket)
    }

    /// Sends what waits through `try_send`, which takes the segments' size if there are several.
    pub(super) fn flush(
        &mut self,
        try_send: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> Result<(), Unsent> {
        let result = self.send(try_send);
        let (member, count) = (self.member, self.count);
        self.count = 0;
        self.bytes.clear();
        result.map_err(|error| Unsent {
            member,
            count,
            error,
        })
    }

    fn send(
        &self,
        mut try_send: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let several = (self.count > 1).then_some(self.segment);
        match try_send(self.remote, &self.bytes, several) {
            // Some drivers refuse segments: one by one, then.
            Err(error) if several.is_some() && error.kind() != io::ErrorKind::WouldBlock => self
                .bytes
                .chunks(self.segment)
                .try_for_each(|datagram| try_send(self.remote, datagram, None)),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<Member> = Some((1, 1));
    const B: Option<Member> = Some((2, 1));

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// Two datagrams of 100 bytes, by socket 1 to port 9.
    fn batch() -> Batch {
        let mut batch = Batch::new();
        for _ in 0..2 {
            assert!(batch.takes(1, remote(9), A, 100, 64));
            batch.push(1, remote(9), A, &[7; 100]);
        }
        batch
    }

    #[test]
    fn only_neighbours_of_one_size_leave_together() {
        let batch = batch();
        assert!(batch.takes(1, remote(9), A, 100, 64));
        assert!(batch.takes(1, remote(9), A, 99, 64), "the last one");
        assert!(!batch.takes(1, remote(9), A, 101, 64), "longer");
        assert!(!batch.takes(1, remote(9), A, 0, 64), "empty");
        assert!(!batch.takes(2, remote(9), A, 100, 64), "another socket");
        assert!(!batch.takes(1, remote(8), A, 100, 64), "another address");
        assert!(!batch.takes(1, remote(9), B, 100, 64), "another component");
        assert!(!batch.takes(1, remote(9), A, 100, 2), "too many");
    }

    #[test]
    fn a_shorter_one_is_the_last() {
        let mut batch = batch();
        batch.push(1, remote(9), A, &[7; 99]);
        assert!(!batch.takes(1, remote(9), A, 99, 64));
    }

    #[test]
    fn no_more_than_a_datagram_can_hold() {
        let mut batch = Batch::new();
        batch.push(1, remote(9), A, &[7; 40_000]);
        assert!(batch.takes(1, remote(9), A, 25_507, 64));
        assert!(!batch.takes(1, remote(9), A, 25_508, 64));
    }

    #[test]
    fn what_was_flushed_is_gone() {
        let mut batch = batch();
        let mut sent = Vec::new();
        let flushed = batch.flush(|remote, contents, segment| {
            sent.push((remote, contents.len(), segment));
            Ok(())
        });
        flushed.expect("it was sent");
        assert_eq!(sent, [(remote(9), 200, Some(100))]);
        assert_eq!(batch.socket(), None);
    }

    #[test]
    fn where_segments_are_refused_each_datagram_leaves_alone() {
        let mut sent = Vec::new();
        let flushed = batch().flush(|_, contents, segment| match segment {
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
            None => {
                sent.push(contents.len());
                Ok(())
            }
        });
        flushed.expect("it was sent");
        assert_eq!(sent, [100, 100]);
    }

    #[test]
    fn every_datagram_of_a_failed_batch_is_counted_as_its_member_s() {
        let flushed = batch().flush(|_, _, _| Err(io::ErrorKind::WouldBlock.into()));
        let Unsent {
            member,
            count,
            error,
        } = flushed.expect_err("it was not sent");
        assert_eq!((member, count), (A, 2));
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
