//! A loop's sockets: a stream's own, and those that streams share (single-port mode).
use super::batch::{Batch, Unsent};
use super::gather::{Gathering, Ports};
use super::place::{Binding, Member, Place, StreamKey};
use super::socket::{Offload, Socket};
use super::token::Token;
use mio::Registry;
use slab::Slab;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// All sockets of a loop, and what waits to leave by one of them.
pub(super) struct Sockets {
    registry: Registry,
    /// Once there is a socket.
    offload: Option<Offload>,
    slab: Slab<Socket>,
    shared: HashMap<Place, usize>,
    ports: Ports,
    batch: Batch,
    unsent: Vec<Unsent>,
}

impl Sockets {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            offload: None,
            slab: Slab::new(),
            shared: HashMap::new(),
            ports: Ports::default(),
            batch: Batch::new(),
            unsent: Vec::new(),
        }
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Socket> {
        self.slab.get_mut(index)
    }

    /// A socket for a component at `address`: a new one, or the one that is shared there.
    pub(super) fn bind(
        &mut self,
        gathering: &Gathering,
        component_id: u16,
        address: IpAddr,
    ) -> io::Result<Binding> {
        let place = gathering.place(component_id, address);
        let known = place.as_ref().and_then(|place| self.shared.get(place));
        let index = match known {
            Some(index) => *index,
            None => {
                let socket = gathering.bind_to(address, &mut self.ports)?;
                self.open(socket, place)?
            }
        };
        Ok(Binding {
            component_id,
            index,
            local: self.slab[index].local,
        })
    }

    fn open(&mut self, socket: mio::net::UdpSocket, place: Option<Place>) -> io::Result<usize> {
        let offload = match &self.offload {
            Some(known) => known.clone(),
            None => self.offload.insert(Offload::of(&socket)?).clone(),
        };
        let entry = self.slab.vacant_entry();
        let token = Token::Socket(entry.key()).into();
        let is_shared = place.is_some();
        let socket = Socket::register(socket, offload, &self.registry, token, is_shared)?;
        let index = entry.key();
        entry.insert(socket);
        if let Some(place) = place {
            self.shared.insert(place, index);
        }
        Ok(index)
    }

    /// Requests with these local ufrags are for the component that has this binding.
    pub(super) fn set_ufrags<'a>(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        ufrags: impl Iterator<Item = &'a str>,
    ) {
        let member = (stream, binding.component_id);
        self.slab[binding.index].demux.set_ufrags(ufrags, member);
    }

    /// A stream leaves a socket. Its own closes, which also takes it out of the registry; a shared one waits for
    /// others: its port is known to firewalls and clients.
    pub(super) fn release(&mut self, binding: Binding, stream: StreamKey) {
        let socket = &mut self.slab[binding.index];
        let is_empty = socket.demux.remove((stream, binding.component_id));
        if is_empty && !socket.is_shared {
            self.slab.remove(binding.index);
        }
    }

    /// Sends a datagram of ICE's or a handshake's.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        index: usize,
        remote: SocketAddr,
        member: Member,
        datagram: &[u8],
    ) {
        self.slab[index].demux.note_sent(now, datagram, member);
        self.push(index, remote, None, datagram);
    }

    /// Sends a datagram; `member` hears if it cannot be sent.
    pub(super) fn push(
        &mut self,
        index: usize,
        remote: SocketAddr,
        member: Option<Member>,
        datagram: &[u8],
    ) {
        let socket = &mut self.slab[index];
        if member.is_some() {
            socket.expect_data();
        }
        let max = socket.max_segments();
        if !self.batch.push(index, remote, member, max, datagram) {
            self.flush();
            let pushed = self.batch.push(index, remote, member, max, datagram);
            debug_assert!(pushed, "an empty batch takes anything");
        }
    }

    /// Sends what waits for more.
    pub(super) fn flush(&mut self) {
        let socket = self.batch.socket().and_then(|index| self.slab.get(index));
        if let Some(socket) = socket {
            self.batch.flush(socket, &mut self.unsent);
        }
    }

    /// What could not be sent since.
    pub(super) fn poll_unsent(&mut self) -> Option<Unsent> {
        self.unsent.pop()
    }
}
