//! The event loops of a host, as each of them knows the others: which streams live where, and the ports that they take
//! from together.
use super::demux::SharedDemux;
use super::handovers::{HandoverCounter, Handovers};
use super::id_map::IdMap;
use super::keys::{SocketKey, StreamKey};
use super::mailbox::{Command, Mailbox};
use mio::net::UdpSocket;
use socket2::SockRef;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// All event loops of a host, by number.
///
/// Each has a socket of its own on every port that streams share (`SO_REUSEPORT`), and the system chooses among them by
/// a hash of both addresses: what one address of a peer's sends arrives at one loop, always the same. A socket more or
/// less would change the choice for all, so all are bound at one time, and stay.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    mailboxes: Vec<Arc<Mailbox>>,
    /// Streams that share a port.
    homes: RwLock<IdMap<StreamKey, usize>>,
    ports: Mutex<HashMap<SocketKey, SharedPort>>,
    counter: HandoverCounter,
}

/// A port that all loops take from.
#[derive(Debug)]
struct SharedPort {
    demux: Arc<SharedDemux>,
    /// Those that their loops have not taken over yet.
    sockets: Vec<Option<UdpSocket>>,
    /// Whether another process has bound them, and may receive by them.
    is_inherited: bool,
}

/// A loop's socket at a place that is shared.
#[derive(Debug)]
pub(super) struct SharedSocket {
    pub(super) socket: UdpSocket,
    pub(super) demux: Arc<SharedDemux>,
    pub(super) is_inherited: bool,
}

impl Siblings {
    /// The loops that have these mailboxes.
    pub(crate) fn new(mailboxes: Vec<Arc<Mailbox>>) -> Self {
        Self {
            mailboxes,
            ..Self::default()
        }
    }

    /// Whether ports are shared by several loops: there are several, and the system chooses among their sockets, which
    /// only Linux's does.
    pub(crate) fn share_ports(&self) -> bool {
        cfg!(target_os = "linux") && self.mailboxes.len() > 1
    }

    pub(super) fn count(&self) -> usize {
        self.mailboxes.len()
    }

    pub(super) fn mailbox(&self, number: usize) -> &Arc<Mailbox> {
        &self.mailboxes[number]
    }

    /// What has passed from loop to loop.
    pub(crate) fn handovers(&self) -> Handovers {
        self.counter.read()
    }

    pub(super) fn counter(&self) -> &HandoverCounter {
        &self.counter
    }

    /// A stream that shares a port lives on a loop from now on.
    pub(super) fn settle(&self, key: StreamKey, number: usize) {
        if self.share_ports() {
            let mut homes = self.homes.write().unwrap_or_else(PoisonError::into_inner);
            homes.insert(key, number);
        }
    }

    /// A stream has moved to a loop, where it may have ended since.
    pub(super) fn moved(&self, key: StreamKey, number: usize) {
        let mut homes = self.homes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(home) = homes.get_mut(&key) {
            *home = number;
        }
    }

    /// A stream that shares a port has ended.
    pub(super) fn forget(&self, key: StreamKey) {
        if self.share_ports() {
            let mut homes = self.homes.write().unwrap_or_else(PoisonError::into_inner);
            homes.remove(&key);
        }
    }

    /// The number of the loop on which a stream that shares a port lives.
    pub(super) fn home_of(&self, key: StreamKey) -> Option<usize> {
        if !self.share_ports() {
            return None;
        }
        let homes = self.homes.read().unwrap_or_else(PoisonError::into_inner);
        homes.get(&key).copied()
    }

    /// Another process has bound these at a place, one for each loop.
    pub(crate) fn inherit(&self, socket_key: SocketKey, sockets: Vec<UdpSocket>) {
        let port = SharedPort {
            demux: Arc::new(SharedDemux::new(self.count())),
            sockets: sockets.into_iter().map(Some).collect(),
            is_inherited: true,
        };
        self.lock_ports().insert(socket_key, port);
    }

    /// Whether all loops have their sockets at this place from one hand.
    pub(super) fn has(&self, socket_key: &SocketKey) -> bool {
        self.share_ports() || self.lock_ports().contains_key(socket_key)
    }

    /// The socket of the loop with this number at a place that is shared. Where there is none yet `bind` finds the port,
    /// which nobody else may have, and every loop gets its socket there.
    ///
    /// # Errors
    /// The system's, and nothing is bound then; or the loop could not take its socket over before.
    pub(super) fn socket(
        &self,
        socket_key: &SocketKey,
        number: usize,
        bind: impl FnOnce() -> io::Result<UdpSocket>,
    ) -> io::Result<SharedSocket> {
        let mut ports = self.lock_ports();
        if !ports.contains_key(socket_key) {
            let port = SharedPort {
                demux: Arc::new(SharedDemux::new(self.count())),
                sockets: bind_all(bind()?, self.count())?,
                is_inherited: false,
            };
            ports.insert(socket_key.clone(), port);
            let others = self.mailboxes.iter().enumerate();
            for (_, other) in others.filter(|(other, _)| *other != number) {
                other.post(Command::TakeSocket(socket_key.clone()));
            }
        }
        let port = ports.get_mut(socket_key);
        let port = port.expect("it is there now if it was not before");
        match port.sockets[number].take() {
            Some(socket) => Ok(SharedSocket {
                socket,
                demux: Arc::clone(&port.demux),
                is_inherited: port.is_inherited,
            }),
            None => Err(io::Error::other(
                "its socket on the shared port could not be used before",
            )),
        }
    }

    fn lock_ports(&self) -> MutexGuard<'_, HashMap<SocketKey, SharedPort>> {
        // What is under this lock is whole wherever a panic may come.
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many sockets as there are loops where `first` is bound. It was bound like any other: a port that another process
/// has is not shared with that.
fn bind_all(first: UdpSocket, count: usize) -> io::Result<Vec<Option<UdpSocket>>> {
    let local = first.local_addr()?;
    share(SockRef::from(&first))?;
    let mut sockets = vec![Some(first)];
    while sockets.len() < count {
        let another = another(local)?;
        if let Some(Some(first)) = sockets.first() {
            let (first, another) = (SockRef::from(first), SockRef::from(&another));
            // What the system says of a buffer is twice what it was asked for. What it refuses is as it was.
            let _ = another.set_recv_buffer_size(first.recv_buffer_size()? / 2);
            let _ = another.set_send_buffer_size(first.send_buffer_size()? / 2);
        }
        sockets.push(Some(another));
    }
    Ok(sockets)
}

fn another(local: SocketAddr) -> io::Result<UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    share(SockRef::from(&socket))?;
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Has the system choose among this and the other sockets at one address.
#[cfg(target_os = "linux")]
fn share(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn share(_: SockRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::net::mailbox::tests::mailbox;
    use std::net::Ipv4Addr;
    use std::ops::RangeInclusive;

    fn socket_key(port_range: Option<RangeInclusive<u16>>) -> SocketKey {
        SocketKey {
            address: Ipv4Addr::LOCALHOST.into(),
            port_range,
            component_id: 1,
        }
    }

    fn bind() -> io::Result<UdpSocket> {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())
    }

    #[test]
    fn all_loops_get_a_socket_on_one_port_at_one_time_and_a_peers_address_arrives_at_one_of_them() {
        let (polls, mailboxes): (Vec<_>, Vec<_>) = (0..3).map(|_| mailbox()).unzip();
        let siblings = Siblings::new(mailboxes);
        let key = socket_key(None);
        let second = siblings.socket(&key, 1, bind).expect("a free port");
        for number in [0, 2] {
            let mut commands = Vec::new();
            siblings.mailbox(number).take(&mut commands);
            assert!(matches!(&commands[..], [Command::TakeSocket(told)] if *told == key));
        }
        let again = || -> io::Result<UdpSocket> { panic!("it is bound") };
        let first = siblings.socket(&key, 0, again).expect("it waits");
        let third = siblings.socket(&key, 2, again).expect("it waits");
        let sockets = [first, second, third].map(|shared| shared.socket);
        let local = sockets[0].local_addr().expect("it is bound");
        assert!(sockets.iter().all(|it| it.local_addr().ok() == Some(local)));
        assert!(
            siblings.socket(&key, 0, again).is_err(),
            "it has been taken"
        );
        let mut reached = [0; 3];
        for _ in 0..60 {
            let peer = bind().expect("a free port");
            let datagrams = 3;
            for _ in 0..datagrams {
                peer.send_to(b"x", local).expect("loopback takes it");
            }
            let count =
                |socket: &UdpSocket| std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count();
            let counts = sockets.each_ref().map(count);
            let at = counts.iter().position(|count| *count == datagrams);
            reached[at.expect("all of one peer's arrive at one socket")] += 1;
        }
        assert!(reached.iter().all(|count| *count > 0), "{reached:?}");
        drop(polls);
    }

    #[test]
    fn a_port_that_is_anothers_is_not_shared_with_that() {
        let (_polls, mailboxes): (Vec<_>, Vec<_>) = (0..2).map(|_| mailbox()).unzip();
        let [one, other] = [(); 2].map(|()| Siblings::new(mailboxes.clone()));
        let key = socket_key(None);
        let shared = one.socket(&key, 0, bind).expect("a free port");
        let local = shared.socket.local_addr().expect("it is bound");
        let error = other
            .socket(&key, 0, || UdpSocket::bind(local))
            .expect_err("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_stream_that_has_ended_lives_nowhere_also_if_it_has_moved_before() {
        let (_polls, mailboxes): (Vec<_>, Vec<_>) = (0..2).map(|_| mailbox()).unzip();
        let siblings = Siblings::new(mailboxes);
        siblings.settle(7, 0);
        assert_eq!(siblings.home_of(7), Some(0));
        siblings.moved(7, 1);
        assert_eq!(siblings.home_of(7), Some(1));
        siblings.forget(7);
        siblings.moved(7, 0);
        assert_eq!(siblings.home_of(7), None);
    }
}
