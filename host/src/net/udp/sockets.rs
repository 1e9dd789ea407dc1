//! A loop's sockets: a stream's own, and those that streams share (single-port mode).
use crate::ice::stun_kind;
use crate::net::addresses::bind::{BindOptions, Ports};
use crate::net::bindings::{Bindings, Bound};
use crate::net::demux::Directory;
use crate::net::departures::DepartureCounter;
use crate::net::keys::{Binding, ComponentKey, Sender, SocketKey, StreamKey};
use crate::net::siblings::Siblings;
#[cfg(unix)]
use crate::net::takeover::PassedSocket;
use crate::net::token::Token;
use crate::net::udp::batch::{Batch, Unsent};
use crate::net::udp::buffers::GrantedBuffers;
use crate::net::udp::socket::{Offload, Socket};
use mio::Registry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// All sockets of a loop, and what waits to leave by one of them.
pub(in crate::net) struct Sockets {
    registry: Registry,
    /// Once there is a socket.
    offload: Option<Offload>,
    bindings: Bindings<Socket>,
    batch: Batch,
    departures: Arc<DepartureCounter>,
    buffers: Arc<GrantedBuffers>,
    unsent: Vec<Unsent>,
    /// Those by which another process still receives.
    inherited: Vec<usize>,
    /// The loop's number, and the others.
    number: usize,
    siblings: Arc<Siblings>,
}

impl Sockets {
    pub(in crate::net) fn new(registry: Registry) -> Self {
        Self {
            number: 0,
            siblings: Arc::default(),
            registry,
            offload: None,
            bindings: Bindings::new(),
            batch: Batch::new(),
            departures: Arc::default(),
            buffers: Arc::default(),
            unsent: Vec::new(),
            inherited: Vec::new(),
        }
    }

    /// The loop has this number among others.
    pub(in crate::net) fn join(&mut self, number: usize, siblings: Arc<Siblings>) {
        self.number = number;
        self.siblings = siblings;
    }

    /// How much has left by them.
    pub(in crate::net) fn departures(&self) -> &Arc<DepartureCounter> {
        &self.departures
    }

    /// What the system keeps for them.
    pub(in crate::net) fn buffers(&self) -> &Arc<GrantedBuffers> {
        &self.buffers
    }

    pub(in crate::net) fn get_mut(&mut self, index: usize) -> Option<&mut Bound<Socket>> {
        self.bindings.get_mut(index)
    }

    /// A socket for a component at `address`: a new one, or the one that is shared there.
    pub(in crate::net) fn bind(
        &mut self,
        bind_options: &BindOptions,
        component_id: u16,
        address: IpAddr,
    ) -> io::Result<Binding> {
        let socket_key = bind_options.socket_key(component_id, address);
        let buffers = Arc::clone(&self.buffers);
        let index = self.open(socket_key, |ports| {
            let socket = bind_options.bind_to(address, ports)?;
            buffers.ask(&socket, bind_options);
            Ok(socket)
        })?;
        let local = self.bound(index).local;
        Ok(Binding {
            component_id,
            index,
            local,
        })
    }

    /// Takes over the loop's socket on a port that another loop has found for all, unless that has been done.
    ///
    /// # Errors
    /// The system has no place for it. What arrives there is lost.
    pub(in crate::net) fn take(&mut self, socket_key: SocketKey) -> io::Result<()> {
        let bound = |_: &mut Ports| Err(io::ErrorKind::NotFound.into());
        self.open(Some(socket_key), bound).map(drop)
    }

    /// The index of a socket for a place that is shared, or of a new one.
    fn open(
        &mut self,
        socket_key: Option<SocketKey>,
        bind: impl FnOnce(&mut Ports) -> io::Result<mio::net::UdpSocket>,
    ) -> io::Result<usize> {
        let Self {
            registry,
            offload,
            bindings,
            departures,
            inherited,
            number,
            siblings,
            ..
        } = self;
        let common = socket_key.clone().filter(|key| siblings.has(key));
        let open = |ports: &mut Ports, index, is_shared| {
            let (socket, directory, is_inherited) = match &common {
                Some(socket_key) => {
                    let shared = siblings.socket(socket_key, *number, || bind(ports))?;
                    let directory = Directory::shared(shared.demux);
                    (shared.socket, directory, shared.is_inherited)
                }
                None => (bind(ports)?, Directory::own(), false),
            };
            let local = socket.local_addr()?;
            let offload = match &*offload {
                Some(known) => known.clone(),
                None => offload.insert(Offload::of(&socket)?).clone(),
            };
            let departures = Arc::clone(departures);
            let mut socket = Socket::new(socket, offload, departures, is_shared)?;
            match is_inherited {
                true => inherited.push(index),
                false => socket.register(registry, Token::Socket(index).into())?,
            }
            Ok((socket, local, directory))
        };
        bindings.open(socket_key, open)
    }

    /// Receives by the sockets that another process has bound, which does so no more.
    pub(in crate::net) fn receive_inherited(&mut self) {
        for index in std::mem::take(&mut self.inherited) {
            let Some(bound) = self.bindings.get_mut(index) else {
                continue;
            };
            let (socket, token) = (&mut bound.inner, Token::Socket(index).into());
            if let Err(error) = socket.register(&self.registry, token) {
                tracing::error!(
                    "what arrives at {} is lost ({error}): start anew",
                    bound.local
                );
            }
        }
    }

    /// Copies of those at ports that streams share.
    #[cfg(unix)]
    pub(in crate::net) fn shared(&self) -> io::Result<Vec<PassedSocket>> {
        use std::os::fd::AsFd as _;
        let shared = self.bindings.shared();
        let copies = shared.map(|(socket_key, bound)| {
            Ok(PassedSocket {
                socket_key: socket_key.clone(),
                socket: bound.inner.as_fd().try_clone_to_owned()?,
            })
        });
        copies.collect()
    }

    /// The index of the loop's socket at a local address that streams share.
    pub(in crate::net) fn shared_at(&self, local: SocketAddr) -> Option<usize> {
        self.bindings.shared_at(local)
    }

    /// A stream leaves for another loop, and keeps its place on a port that both share.
    pub(in crate::net) fn move_away(&mut self, binding: Binding, stream: StreamKey) {
        let component = (stream, binding.component_id);
        self.bound(binding.index).demux.move_away(component);
    }

    fn bound(&mut self, index: usize) -> &mut Bound<Socket> {
        let bound = self.bindings.get_mut(index);
        bound.expect("a component's socket is there until the component has left it")
    }

    /// Requests with these local ufrags are for the component that has this binding.
    pub(in crate::net) fn set_ufrags<'a>(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        ufrags: impl Iterator<Item = &'a str>,
    ) {
        self.bindings.set_ufrags(binding, stream, ufrags);
    }

    /// A component's ICE does not take an address for its peer's any more.
    pub(in crate::net) fn remove_address(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        address: SocketAddr,
    ) {
        self.bindings.remove_address(binding, stream, address);
    }

    /// A stream leaves a socket. Its own closes, which also takes it out of the registry; a shared one waits for
    /// others: its port is known to firewalls and clients.
    pub(in crate::net) fn release(&mut self, binding: Binding, stream: StreamKey) {
        let is_empty = self.bindings.leave(binding, stream);
        if is_empty && !self.bound(binding.index).is_shared() {
            self.bindings.remove(binding.index);
        }
    }

    /// Sends a datagram of ICE's or a handshake's.
    pub(in crate::net) fn transmit(
        &mut self,
        now: Instant,
        index: usize,
        remote: SocketAddr,
        component: ComponentKey,
        datagram: &[u8],
    ) {
        let sender = match stun_kind(datagram) {
            Some(kind) => {
                self.bound(index).demux.note_sent(now, kind, component);
                Sender::Ice(component)
            }
            None => Sender::Handshake(component),
        };
        self.push(index, remote, sender, datagram);
    }

    /// Sends a datagram.
    pub(in crate::net) fn push(
        &mut self,
        index: usize,
        remote: SocketAddr,
        sender: Sender,
        datagram: &[u8],
    ) {
        let socket = &mut self.bound(index).inner;
        if let Sender::Application(_) = sender {
            socket.expect_data();
        }
        let max = socket.max_segments();
        if !self.batch.push(index, remote, sender, max, datagram) {
            self.flush();
            let pushed = self.batch.push(index, remote, sender, max, datagram);
            debug_assert!(pushed, "an empty batch takes anything");
        }
    }

    /// Sends what waits for more.
    pub(in crate::net) fn flush(&mut self) {
        let socket = self
            .batch
            .socket()
            .and_then(|index| self.bindings.get(index));
        if let Some(socket) = socket {
            self.batch.flush(&socket.inner, &mut self.unsent);
        }
    }

    /// What could not be sent since.
    pub(in crate::net) fn poll_unsent(&mut self) -> Option<Unsent> {
        self.unsent.pop()
    }
}
