//! What is bound: sockets or listeners, each one component's or shared by all that ask for its place.
use super::addresses::bind::{BindOptions, Ports};
use super::demux::Directory;
use super::keys::{Binding, SocketKey, StreamKey};
use slab::Slab;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// All sockets of a loop, or all its listeners.
pub(super) struct Bindings<T> {
    slab: Slab<Bound<T>>,
    shared: HashMap<SocketKey, usize>,
    ports: Ports,
}

/// A socket or a listener.
pub(super) struct Bound<T> {
    pub(super) inner: T,
    pub(super) local: SocketAddr,
    /// Whose a datagram is, or a connection by the first one that comes over it.
    pub(super) demux: Directory,
    /// If it is for all streams that ask for this place, now or later.
    socket_key: Option<SocketKey>,
}

impl<T> Bound<T> {
    pub(super) fn is_shared(&self) -> bool {
        self.socket_key.is_some()
    }
}

impl<T> Bindings<T> {
    pub(super) fn new() -> Self {
        Self {
            slab: Slab::new(),
            shared: HashMap::new(),
            ports: Ports::default(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Bound<T>> {
        self.slab.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Bound<T>> {
        self.slab.get_mut(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Bound<T>)> {
        self.slab.iter()
    }

    /// What a component has at `address`: what is shared there, or what `open` binds, told its index and
    /// whether it will be shared, with what knows whose its datagrams are.
    pub(super) fn bind(
        &mut self,
        bind_options: &BindOptions,
        component_id: u16,
        address: IpAddr,
        open: impl FnOnce(&mut Ports, usize, bool) -> io::Result<(T, SocketAddr, Directory)>,
    ) -> io::Result<Binding> {
        let socket_key = bind_options.socket_key(component_id, address);
        let index = self.open(socket_key, open)?;
        Ok(Binding {
            component_id,
            index,
            local: self.slab[index].local,
        })
    }

    /// The index of what is shared at a place, or of what `open` binds.
    pub(super) fn open(
        &mut self,
        socket_key: Option<SocketKey>,
        open: impl FnOnce(&mut Ports, usize, bool) -> io::Result<(T, SocketAddr, Directory)>,
    ) -> io::Result<usize> {
        let known = socket_key
            .as_ref()
            .and_then(|socket_key| self.shared.get(socket_key));
        if let Some(index) = known {
            return Ok(*index);
        }
        let entry = self.slab.vacant_entry();
        let index = entry.key();
        let (inner, local, demux) = open(&mut self.ports, index, socket_key.is_some())?;
        if let Some(socket_key) = &socket_key {
            self.shared.insert(socket_key.clone(), index);
        }
        entry.insert(Bound {
            inner,
            local,
            demux,
            socket_key,
        });
        Ok(index)
    }

    /// All that are shared, by their places.
    pub(super) fn shared(&self) -> impl Iterator<Item = (&SocketKey, &Bound<T>)> {
        let shared = self.shared.iter();
        shared.map(|(socket_key, index)| (socket_key, &self.slab[*index]))
    }

    /// The index of what is shared at this local address.
    pub(super) fn shared_at(&self, local: SocketAddr) -> Option<usize> {
        let mut shared = self.shared.values();
        shared
            .find(|index| self.slab[**index].local == local)
            .copied()
    }

    /// Requests with these local ufrags are for the component that has this binding.
    pub(super) fn set_ufrags<'a>(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        ufrags: impl Iterator<Item = &'a str>,
    ) {
        let component = (stream, binding.component_id);
        self.slab[binding.index].demux.set_ufrags(ufrags, component);
    }

    /// A component's ICE does not take an address for its peer's any more.
    pub(super) fn remove_address(
        &mut self,
        binding: Binding,
        stream: StreamKey,
        address: SocketAddr,
    ) {
        let component = (stream, binding.component_id);
        self.slab[binding.index]
            .demux
            .remove_address(address, component);
    }

    /// A component leaves what it has bound; returns whether nobody is left there.
    pub(super) fn leave(&mut self, binding: Binding, stream: StreamKey) -> bool {
        let component = (stream, binding.component_id);
        self.slab[binding.index].demux.remove(component)
    }

    /// Gives up what nobody has bound any more.
    pub(super) fn remove(&mut self, index: usize) -> T {
        let bound = self.slab.remove(index);
        if let Some(socket_key) = &bound.socket_key {
            self.shared.remove(socket_key);
        }
        bound.inner
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, Bindings, Directory};
    use crate::net::addresses::bind::BindOptions;
    use std::net::{Ipv4Addr, SocketAddr};

    /// What a component gets at one address, and how often something was opened for it.
    fn bind(bindings: &mut Bindings<()>, single_port: bool) -> (Binding, u32) {
        let bind_options = BindOptions::new().single_port(single_port);
        let (address, mut opened) = (Ipv4Addr::LOCALHOST.into(), 0);
        let binding = bindings.bind(&bind_options, 1, address, |_, _, is_shared| {
            assert_eq!(is_shared, single_port);
            opened += 1;
            Ok(((), SocketAddr::new(address, 1), Directory::own()))
        });
        (binding.expect("it opens"), opened)
    }

    #[test]
    fn who_shares_gets_what_is_bound_at_its_place_until_that_is_given_up() {
        let mut bindings = Bindings::new();
        let (first, opened) = bind(&mut bindings, true);
        assert_eq!(opened, 1);
        let (own, opened) = bind(&mut bindings, false);
        assert_eq!(opened, 1);
        assert_ne!(own.index, first.index);
        let (second, opened) = bind(&mut bindings, true);
        assert_eq!((second.index, opened), (first.index, 0));
        for stream in [1, 2] {
            bindings.set_ufrags(first, stream, std::iter::empty());
        }
        assert!(!bindings.leave(first, 1), "the other stream is left");
        assert!(bindings.leave(second, 2), "nobody is left");
        bindings.remove(first.index);
        let (_, opened) = bind(&mut bindings, true);
        assert_eq!(opened, 1, "it is bound anew");
    }
}
