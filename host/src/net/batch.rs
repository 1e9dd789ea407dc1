//! Batches of datagrams on their way out.
use super::socket::Member;
use std::io;
use std::net::SocketAddr;

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
