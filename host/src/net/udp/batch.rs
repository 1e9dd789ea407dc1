//! Batches of datagrams on their way out.
use crate::net::keys::Sender;
use std::io;
use std::net::SocketAddr;

/// Datagrams on their way out by one socket, in order: neighbours of one size to one address leave as segments
/// (GSO), those of applications to many addresses in one system call. ICE's and a handshake's wait for no others.
#[derive(Debug)]
pub(in crate::net) struct Batch {
    bytes: Vec<u8>,
    groups: Vec<Group>,
    /// How many datagrams they are.
    count: usize,
    socket: usize,
}

/// Neighbours of one size to one address, of which the last may be shorter.
#[derive(Debug)]
struct Group {
    remote: SocketAddr,
    sender: Sender,
    segment: usize,
    count: usize,
    start: usize,
    len: usize,
}

/// What could not be sent.
#[derive(Debug)]
pub(in crate::net) struct Unsent {
    pub(in crate::net) sender: Sender,
    pub(in crate::net) remote: SocketAddr,
    pub(in crate::net) count: usize,
    pub(in crate::net) error: io::Error,
}

/// What a batch leaves by.
pub(in crate::net) trait Outlet {
    /// Sends one datagram, or several of `segment_size`, of which the last may be shorter.
    ///
    /// # Errors
    /// The system's, such as that its buffer is full.
    fn try_send(
        &self,
        remote: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()>;

    /// Sends up to [`MAX_GROUPS`] datagrams in order; returns how many have left before one could not.
    fn try_send_many<'a>(
        &self,
        datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])> + Clone,
    ) -> usize;
}

/// Most bytes of one group (the largest UDP payload of IPv4), and most before another one is opened.
const MAX_BATCH: usize = 65_507;
/// Fewer neighbours of one size leave as datagrams among others, and not as segments in a call of their own.
const WORTH_A_CALL: usize = 4;
/// Most groups, and most datagrams that leave in one call.
pub(in crate::net) const MAX_GROUPS: usize = if cfg!(target_os = "linux") { 32 } else { 1 };

impl Batch {
    pub(in crate::net) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(2 * MAX_BATCH),
            groups: Vec::with_capacity(MAX_GROUPS),
            count: 0,
            socket: 0,
        }
    }

    /// Adds a datagram, or returns false: what waits is to be flushed first.
    #[must_use]
    pub(in crate::net) fn push(
        &mut self,
        socket: usize,
        remote: SocketAddr,
        sender: Sender,
        max_segments: usize,
        datagram: &[u8],
    ) -> bool {
        let len = datagram.len();
        // What leaves as datagrams of one call is no more than that takes.
        let is_full = self.groups.len() > 1 && self.count >= MAX_GROUPS;
        match self.groups.last_mut() {
            None => self.socket = socket,
            Some(_) if self.socket != socket || is_full => return false,
            Some(last) if last.takes(remote, sender, max_segments, len) => {
                self.bytes.extend_from_slice(datagram);
                last.count += 1;
                last.len += len;
                self.count += 1;
                return true;
            }
            Some(last) => {
                let waits = |sender| matches!(sender, Sender::Application(_));
                let wait = waits(last.sender) && waits(sender);
                let full = self.count >= MAX_GROUPS || self.bytes.len() + len > MAX_BATCH;
                if full || !wait {
                    return false;
                }
            }
        }
        self.groups.push(Group {
            remote,
            sender,
            segment: len,
            count: 1,
            start: self.bytes.len(),
            len,
        });
        self.bytes.extend_from_slice(datagram);
        self.count += 1;
        true
    }

    /// The index of the socket that the waiting datagrams leave by.
    pub(in crate::net) fn socket(&self) -> Option<usize> {
        (!self.groups.is_empty()).then_some(self.socket)
    }

    /// Sends what waits; what cannot be sent joins `unsent`.
    pub(in crate::net) fn flush(&mut self, outlet: &impl Outlet, unsent: &mut Vec<Unsent>) {
        let bytes = &self.bytes;
        for run in self.groups.chunk_by(|a, b| a.is_small() && b.is_small()) {
            match run {
                [group] => unsent.extend(group.send(bytes, outlet).err()),
                several => send_together(several, bytes, outlet, unsent),
            }
        }
        self.groups.clear();
        self.count = 0;
        self.bytes.clear();
    }
}

/// Sends each datagram of these groups as one of many.
fn send_together(groups: &[Group], bytes: &[u8], outlet: &impl Outlet, unsent: &mut Vec<Unsent>) {
    let datagrams = groups.iter().flat_map(|group| {
        group
            .datagrams(bytes)
            .map(move |datagram| (group, datagram))
    });
    let datagrams: Vec<_> = datagrams.collect();
    for call in datagrams.chunks(MAX_GROUPS) {
        let sent = outlet.try_send_many(call.iter().map(|(group, it)| (group.remote, *it)));
        // What is left goes one by one: each failure is that datagram's own.
        for (group, datagram) in call.iter().skip(sent) {
            if let Err(error) = outlet.try_send(group.remote, datagram, None) {
                unsent.push(Unsent {
                    sender: group.sender,
                    remote: group.remote,
                    count: 1,
                    error,
                });
            }
        }
    }
}

impl Group {
    fn is_small(&self) -> bool {
        self.count < WORTH_A_CALL
    }

    fn datagrams<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let contents = self.contents(bytes);
        let segment = self.segment;
        (0..self.count).map(move |number| {
            let start = number * segment;
            &contents[start..contents.len().min(start + segment)]
        })
    }

    fn takes(&self, remote: SocketAddr, sender: Sender, max_segments: usize, len: usize) -> bool {
        self.remote == remote
            && self.sender == sender
            && self.len == self.segment * self.count // all of one size so far
            && len <= self.segment
            && len > 0
            && self.count < max_segments
            && self.len + len <= MAX_BATCH
    }

    fn contents<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.start + self.len]
    }

    fn send(&self, bytes: &[u8], outlet: &impl Outlet) -> Result<(), Unsent> {
        let contents = self.contents(bytes);
        let unsent = |count, error| Unsent {
            sender: self.sender,
            remote: self.remote,
            count,
            error,
        };
        let several = (self.count > 1).then_some(self.segment);
        match outlet.try_send(self.remote, contents, several) {
            Ok(()) => Ok(()),
            // Some drivers refuse segments: one by one, then.
            Err(error) if several.is_some() && error.kind() != io::ErrorKind::WouldBlock => {
                let alone = contents.chunks(self.segment);
                let sent = alone.map(|datagram| outlet.try_send(self.remote, datagram, None));
                let mut failures: Vec<io::Error> = sent.filter_map(Result::err).collect();
                let count = failures.len();
                failures
                    .pop()
                    .map_or(Ok(()), |last| Err(unsent(count, last)))
            }
            Err(error) => Err(unsent(self.count, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const A: Sender = Sender::Application((1, 1));
    const B: Sender = Sender::Application((2, 1));
    const ICE: Sender = Sender::Ice((3, 1));
    const HANDSHAKE: Sender = Sender::Handshake((1, 1));
    /// Ports of the fake outlet that have no way out, and that refuse segments.
    const BLOCKED: u16 = 666;
    const WITHOUT_GSO: u16 = 667;

    /// Port, bytes and segments' size of what left.
    type Sent = (u16, Vec<u8>, Option<usize>);

    /// Notes each system call.
    #[derive(Default)]
    struct Fake {
        calls: RefCell<Vec<Vec<Sent>>>,
    }

    impl Outlet for Fake {
        fn try_send(
            &self,
            remote: SocketAddr,
            contents: &[u8],
            segment_size: Option<usize>,
        ) -> io::Result<()> {
            match remote.port() {
                BLOCKED => return Err(io::ErrorKind::WouldBlock.into()),
                WITHOUT_GSO if segment_size.is_some() || contents.starts_with(b"no") => {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                _ => {}
            }
            let sent = (remote.port(), contents.to_vec(), segment_size);
            self.calls.borrow_mut().push(vec![sent]);
            Ok(())
        }

        fn try_send_many<'a>(
            &self,
            datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])> + Clone,
        ) -> usize {
            let sent: Vec<_> = datagrams
                .take_while(|(remote, _)| remote.port() != BLOCKED)
                .map(|(remote, contents)| (remote.port(), contents.to_vec(), None))
                .collect();
            let count = sent.len();
            self.calls.borrow_mut().push(sent);
            count
        }
    }

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// Pushes a datagram to be sent by socket 1.
    fn push(batch: &mut Batch, port: u16, sender: Sender, datagram: &[u8]) -> bool {
        batch.push(1, remote(port), sender, 64, datagram)
    }

    /// What leaves in each system call, and what does not leave.
    fn flush(batch: &mut Batch) -> (Vec<Vec<Sent>>, Vec<Unsent>) {
        let (fake, mut unsent) = (Fake::default(), Vec::new());
        batch.flush(&fake, &mut unsent);
        assert_eq!(batch.socket(), None, "what was flushed is gone");
        (fake.calls.into_inner(), unsent)
    }

    /// The lengths of all that leaves, call by call, if nothing else happens.
    fn lengths(batch: &mut Batch) -> Vec<Vec<usize>> {
        let (calls, unsent) = flush(batch);
        assert!(unsent.is_empty(), "{unsent:?}");
        let of_call = |call: &Vec<Sent>| call.iter().map(|it| it.1.len()).collect();
        calls.iter().map(of_call).collect()
    }

    #[test]
    fn neighbours_of_one_size_to_one_address_are_segments() {
        let mut batch = Batch::new();
        for len in [100, 100, 99] {
            assert!(push(&mut batch, 9, ICE, &vec![7; len]));
        }
        assert!(!push(&mut batch, 9, ICE, &[7; 99]), "a shorter one ends it");
        let (calls, _) = flush(&mut batch);
        assert_eq!(calls, [[(9, vec![7; 299], Some(100))]]);
    }

    #[test]
    fn other_datagrams_are_no_segments_of_these() {
        let refused = |socket, port, sender, max_segments, len| {
            let mut batch = Batch::new();
            for _ in 0..2 {
                assert!(batch.push(1, remote(9), ICE, 64, &[7; 100]));
            }
            !batch.push(socket, remote(port), sender, max_segments, &vec![7; len])
        };
        assert!(!refused(1, 9, ICE, 64, 100));
        assert!(refused(1, 9, ICE, 64, 101), "longer");
        assert!(refused(1, 9, ICE, 64, 0), "empty");
        assert!(refused(2, 9, ICE, 64, 100), "another socket");
        assert!(refused(1, 8, ICE, 64, 100), "another address");
        assert!(refused(1, 9, A, 64, 100), "an application's");
        assert!(refused(1, 9, HANDSHAKE, 64, 100), "a handshake's");
        assert!(refused(1, 9, ICE, 2, 100), "too many");
    }

    #[test]
    fn no_more_segments_than_a_datagram_can_hold() {
        let mut batch = Batch::new();
        assert!(push(&mut batch, 9, A, &[7; 40_000]));
        assert!(!push(&mut batch, 9, A, &[7; 25_508]));
        assert!(push(&mut batch, 9, A, &[7; 25_507]));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn applications_datagrams_leave_together_and_in_order() {
        let mut batch = Batch::new();
        for (port, sender, text) in [
            (8, A, "one"),
            (9, B, "three"),
            (8, A, ""),
            (8, A, "four"),
            (8, A, "five"),
            (9, B, "six6"),
            (9, B, "six7"),
            (9, B, "six8"),
            (9, B, "six9"),
            (9, A, "ten"),
            (8, A, "last"),
        ] {
            assert!(push(&mut batch, port, sender, text.as_bytes()));
        }
        let (calls, _) = flush(&mut batch);
        let text = |port, text: &str, segment| (port, text.as_bytes().to_vec(), segment);
        let first = vec![
            text(8, "one", None),
            text(9, "three", None),
            text(8, "", None),
            text(8, "four", None),
            text(8, "five", None),
        ];
        let segments = vec![text(9, "six6six7six8six9", Some(4))];
        let last = vec![text(9, "ten", None), text(8, "last", None)];
        assert_eq!(calls, [first, segments, last]);
    }

    #[test]
    fn nothing_waits_with_datagrams_of_ice_or_of_a_handshake() {
        for (first, second) in [(ICE, A), (A, HANDSHAKE), (HANDSHAKE, ICE), (ICE, ICE)] {
            let mut batch = Batch::new();
            assert!(push(&mut batch, 8, first, b"one"));
            assert!(!push(&mut batch, 9, second, b"two"));
        }
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let mut batch = Batch::new();
        for port in 1..=MAX_GROUPS as u16 {
            assert!(push(&mut batch, port, A, &[7; 100]));
        }
        assert!(!push(&mut batch, 100, A, &[7; 100]));
        assert_eq!(lengths(&mut batch), [[100; MAX_GROUPS]]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn so_many_bytes_wait_and_no_more() {
        let mut batch = Batch::new();
        assert!(push(&mut batch, 8, A, &[7; 40_000]));
        assert!(!push(&mut batch, 9, A, &[7; 25_508]));
        assert!(push(&mut batch, 9, A, &[7; 25_507]));
        assert_eq!(lengths(&mut batch), [[40_000, 25_507]]);
        assert!(
            push(&mut batch, 9, A, &[7; 70_000]),
            "the system refuses it"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_datagram_that_cannot_leave_keeps_no_other_back() {
        let mut batch = Batch::new();
        for (port, sender) in [(7, A), (BLOCKED, B), (8, A), (BLOCKED, A), (9, B)] {
            assert!(push(&mut batch, port, sender, &[7; 100]));
        }
        let (calls, unsent) = flush(&mut batch);
        let ports: Vec<_> = calls.iter().flatten().map(|sent| sent.0).collect();
        assert_eq!(ports, [7, 8, 9]);
        let told: Vec<_> = unsent.iter().map(|it| (it.sender, it.count)).collect();
        assert_eq!(told, [(B, 1), (A, 1)]);
    }

    #[test]
    fn where_segments_are_refused_each_datagram_leaves_alone() {
        let mut batch = Batch::new();
        for _ in 0..2 {
            assert!(push(&mut batch, WITHOUT_GSO, A, &[7; 100]));
        }
        assert_eq!(lengths(&mut batch), [[100], [100]]);
    }

    #[test]
    fn where_segments_are_refused_each_failure_is_one_datagram_s() {
        let mut batch = Batch::new();
        for datagram in [b"no1", b"yes", b"no2"] {
            assert!(push(&mut batch, WITHOUT_GSO, A, datagram));
        }
        let (calls, unsent) = flush(&mut batch);
        assert_eq!(calls, [[(WITHOUT_GSO, b"yes".to_vec(), None)]]);
        let [Unsent { sender, count, .. }] = &unsent[..] else {
            panic!("{unsent:?}");
        };
        assert_eq!((*sender, *count), (A, 2));
    }

    #[test]
    fn every_segment_that_could_not_be_sent_is_counted_as_its_sender_s() {
        let mut batch = Batch::new();
        for _ in 0..2 {
            assert!(push(&mut batch, BLOCKED, A, &[7; 100]));
        }
        let (calls, unsent) = flush(&mut batch);
        assert!(calls.is_empty());
        let [
            Unsent {
                sender,
                count,
                error,
                ..
            },
        ] = &unsent[..]
        else {
            panic!("{unsent:?}");
        };
        assert_eq!((*sender, *count), (A, 2));
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
