//! Ports as they pass from process to process.
use crate::net::event_loop::EventLoop;
use crate::net::keys::SocketKey;
use crate::net::siblings::Siblings;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;

/// The ports that streams of a host [share](crate::BindOptions::single_port), on their way to another process: see
/// [`Host::pass_ports`](crate::Host::pass_ports).
#[derive(Debug)]
pub struct PassedPorts {
    /// Where they are.
    pub places: Vec<PassedPlace>,
    /// For each event loop of the host, one end of a connected pair of Unix stream sockets: what is nobody's at the first
    /// comes by it, and it ends when the host does.
    pub links: Vec<OwnedFd>,
}

/// An address at which streams share a port, by what they have asked for.
#[derive(Debug)]
pub struct PassedPlace {
    /// The local address.
    pub address: IpAddr,
    /// The ports that were asked for, if any were: the first that was free is bound.
    pub ports: Option<RangeInclusive<u16>>,
    /// The component's id.
    pub component_id: u16,
    /// The UDP sockets there: one for each link, in the same order.
    pub sockets: Vec<OwnedFd>,
}

/// Why ports were not passed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// The system gives no copies of sockets, or no link.
    #[error("the ports cannot be passed ({0}): are the process's open files used up?")]
    System(#[from] io::Error),
    /// An event loop does not turn, or has ended.
    #[error("the ports cannot be passed: an event loop does not answer")]
    Loop,
    /// They were taken over from a process that still receives by them.
    #[error(
        "the ports cannot be passed before the process has ended that they were taken over from"
    )]
    Predecessor,
    /// There are none.
    #[error("there is no port to pass: streams share none")]
    None,
}

/// What a loop is asked for: copies of its sockets on ports that streams share. From then on what is nobody's there leaves
/// by the link.
#[derive(Debug)]
pub(crate) struct PassPorts {
    pub(crate) link: UnixStream,
    pub(crate) passed: SyncSender<io::Result<Vec<PassedSocket>>>,
}

/// What a loop begins with that takes over.
#[derive(Debug)]
pub(crate) struct Inheritance {
    /// The places of its sockets, which its siblings know.
    pub(crate) places: Vec<SocketKey>,
    pub(crate) link: UnixStream,
}

/// A copy of a loop's socket.
#[derive(Debug)]
pub(crate) struct PassedSocket {
    pub(crate) socket_key: SocketKey,
    pub(crate) socket: OwnedFd,
}

impl PassedPorts {
    /// Of what each loop has given: the places at which all of them have a socket.
    pub(crate) fn of(loops: Vec<(Vec<PassedSocket>, UnixStream)>) -> Self {
        let count = loops.len();
        let (mut links, mut places) = (Vec::new(), HashMap::<SocketKey, Vec<OwnedFd>>::new());
        for (sockets, link) in loops {
            links.push(link.into());
            for PassedSocket { socket_key, socket } in sockets {
                places.entry(socket_key).or_default().push(socket);
            }
        }
        let places = places
            .into_iter()
            .filter(|(_, sockets)| sockets.len() == count);
        let places = places.map(|(socket_key, sockets)| PassedPlace {
            address: socket_key.address,
            ports: socket_key.port_range,
            component_id: socket_key.component_id,
            sockets,
        });
        Self {
            places: places.collect(),
            links,
        }
    }

    /// Whether each place has a socket for each link.
    pub(crate) fn is_whole(&self) -> bool {
        let each = |place: &PassedPlace| place.sockets.len() == self.links.len();
        self.places.iter().all(each)
    }

    /// Gives each loop its sockets and its link.
    ///
    /// # Errors
    /// The system's, or something is no socket at its place.
    pub(crate) fn settle(self, siblings: &Siblings, loops: &mut [EventLoop]) -> io::Result<()> {
        let mut places = Vec::new();
        for place in self.places {
            let (socket_key, sockets) = place.into_sockets()?;
            siblings.inherit(socket_key.clone(), sockets);
            places.push(socket_key);
        }
        for (event_loop, link) in loops.iter_mut().zip(self.links) {
            let (places, link) = (places.clone(), UnixStream::from(link));
            event_loop.inherit(Inheritance { places, link })?;
        }
        Ok(())
    }
}

impl PassedPlace {
    /// As this host's loops know it.
    fn into_sockets(self) -> io::Result<(SocketKey, Vec<UdpSocket>)> {
        let socket_key = SocketKey {
            address: self.address,
            port_range: self.ports,
            component_id: self.component_id,
        };
        let sockets = self.sockets.into_iter().map(|socket| {
            let socket = std::net::UdpSocket::from(socket);
            socket.set_nonblocking(true)?;
            let local = socket.local_addr()?;
            if local.ip() != self.address {
                let other = format!("a socket is at {local} and not at {}", self.address);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, other));
            }
            Ok(UdpSocket::from_std(socket))
        });
        Ok((socket_key, sockets.collect::<io::Result<_>>()?))
    }
}
