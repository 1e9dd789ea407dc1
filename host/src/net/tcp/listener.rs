//! TCP listeners, each beside a UDP socket, which components may share as they share that.
use crate::ice::{ACTIVE_PORT, Pair};
use crate::net::demux::Demux;
use crate::net::gather::{Gathering, Ports};
use crate::net::place::{Binding, Member, Place, StreamKey};
use crate::net::token::Token;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

/// All listeners of a loop.
pub(super) struct Listeners {
    slab: Slab<Listener>,
    shared: HashMap<Place, usize>,
    ports: Ports,
}

pub(super) struct Listener {
    io: TcpListener,
    local: SocketAddr,
    /// Whose a connection is, by the first request that comes over it.
    pub(super) demux: Demux<Member>,
    place: Option<Place>,
    /// Connections that are nobody's yet, the oldest first.
    pub(super) strangers: VecDeque<usize>,
    /// The system had no place for a connection: it is to be asked again.
    pub(super) is_stuck: bool,
}

impl Listeners {
    pub(super) fn new() -> Self {
        Self {
            slab: Slab::new(),
            shared: HashMap::new(),
            ports: Ports::default(),
        }
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Listener> {
        self.slab.get_mut(index)
    }

    /// A listener for a component at `address`, at the port of its UDP socket if that is free: a new one, or
    /// the one that is shared there.
    pub(super) fn bind(
        &mut self,
        registry: &Registry,
        gathering: &Gathering,
        component_id: u16,
        (address, port): (IpAddr, Option<u16>),
    ) -> io::Result<Binding> {
        let place = gathering.place(component_id, address);
        let known = place.as_ref().and_then(|place| self.shared.get(place));
        let index = match known {
            Some(index) => *index,
            None => {
                let io = gathering.listen_at(address, port, &mut self.ports)?;
                self.open(registry, io, place)?
            }
        };
        Ok(Binding {
            component_id,
            index,
            local: self.slab[index].local,
        })
    }

    fn open(
        &mut self,
        registry: &Registry,
        io: std::net::TcpListener,
        place: Option<Place>,
    ) -> io::Result<usize> {
        io.set_nonblocking(true)?;
        let local = io.local_addr()?;
        if local.port() == ACTIVE_PORT {
            let cause = "port 9 marks connections that are made (RFC 6544), none can come there";
            return Err(io::Error::new(ErrorKind::AddrNotAvailable, cause));
        }
        let mut io = TcpListener::from_std(io);
        let entry = self.slab.vacant_entry();
        let index = entry.key();
        let token = Token::Listener(index).into();
        registry.register(&mut io, token, Interest::READABLE)?;
        entry.insert(Listener {
            io,
            local,
            demux: Demux::new(),
            place: place.clone(),
            strangers: VecDeque::new(),
            is_stuck: false,
        });
        if let Some(place) = place {
            self.shared.insert(place, index);
        }
        Ok(index)
    }

    pub(super) fn set_ufrags<'a>(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        ufrags: impl Iterator<Item = &'a str>,
    ) {
        let member = (stream, binding.component_id);
        self.slab[binding.index].demux.set_ufrags(ufrags, member);
    }

    /// A stream leaves a listener, which closes after the last one. Gives the connections that were nobody's.
    pub(super) fn release(
        &mut self,
        registry: &Registry,
        binding: Binding,
        stream: StreamKey,
    ) -> VecDeque<usize> {
        let listener = &mut self.slab[binding.index];
        if !listener.demux.remove((stream, binding.component_id)) {
            return VecDeque::new();
        }
        let mut listener = self.slab.remove(binding.index);
        if let Some(place) = &listener.place {
            self.shared.remove(place);
        }
        // Closing takes it out of the registry anyway.
        let _ = registry.deregister(&mut listener.io);
        listener.strangers
    }

    /// Those that had no place for a connection.
    pub(super) fn stuck(&self) -> Vec<usize> {
        let stuck = self.slab.iter().filter(|(_, listener)| listener.is_stuck);
        stuck.map(|(index, _)| index).collect()
    }
}

impl Listener {
    /// The next connection and the pair it is of; `None` if there is none now.
    pub(super) fn accept(&mut self) -> Option<(TcpStream, Pair)> {
        self.is_stuck = false;
        loop {
            match self.io.accept() {
                Ok((io, remote)) => return Some((io, Pair::tcp(self.local, remote))),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Such as that all descriptors are in use.
                        tracing::debug!("accept: {error}");
                        self.is_stuck = true;
                        return None;
                    }
                },
            }
        }
    }
}
