//! The event loops of a host, as each of them knows the others: which streams live where, and the ports that they take
//! from together.
use super::demux::SharedDemux;
use super::handovers::{HandoverCounter, Handovers};
use super::id_map::IdMap;
use super::keys::{SocketKey, StreamKey};
use super::mailbox::{Command, Mailbox};
use mio::net::UdpSocket;
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
    ) -> io::Result<(UdpSocket, Arc<SharedDemux>)> {
        let mut ports = self.lock_ports();
        if !ports.contains_key(socket_key) {
            let port = SharedPort {
                demux: Arc::new(SharedDemux::new(self.count())),
                sockets: bind_all(bind()?, self.count())?,
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
            Some(socket) => Ok((socket, Arc::clone(&port.demux))),
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
    share(socket2::SockRef::from(&first))?;
    let mut sockets = vec![Some(first)];
    while sockets.len() < count {
        sockets.push(Some(another(local)?));
    }
    Ok(sockets)
}

fn another(local: SocketAddr) -> io::Result<UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(
        Domain::for_address(local),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    share(socket2::SockRef::from(&socket))?;
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Has the system choose among this and the other sockets at one address.
#[cfg(target_os = "linux")]
fn share(socket: socket2::SockRef<'_>) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn share(_: socket2::SockRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
