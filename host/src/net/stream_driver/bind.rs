//! Sockets and listeners at the local addresses, and the names that hide these.
use super::{LoopContext, StreamDriver};
use crate::ice::{Mapping, Transport};
use crate::net::addresses::bind::BindError;
use crate::net::addresses::interfaces::Presence;
use crate::net::addresses::left_out::LeftOut;
use crate::net::keys::Binding;
use crate::net::mdns::Responder;
use crate::net::tcp::Connections;
use crate::net::udp::sockets::Sockets;
use std::io;
use std::net::IpAddr;
use std::time::Instant;

impl StreamDriver {
    /// Binds each of these components to every local address it has no socket at yet.
    pub(super) fn gather(
        &mut self,
        context: &mut LoopContext<'_>,
        component_ids: &[u16],
    ) -> Result<(), BindError> {
        if self.stream.is_relay_only() {
            return Ok(());
        }
        let (addresses, broadcasts) = self.bind_options.usable_addresses()?;
        let addresses = self.stream.in_order(addresses, !self.stun.is_empty());
        self.stream.bar(&broadcasts);
        if self.bind_options.may_find_better(&addresses) {
            self.stream.look_again(context.now);
        }
        for &component_id in component_ids {
            let mut failures = Vec::new();
            for &address in &addresses {
                if let Err(source) = self.bind(context, component_id, address) {
                    failures.push((address, source));
                }
            }
            let mut bindings = self.bindings.iter().chain(&self.listeners);
            let is_bound = bindings.any(|binding| binding.component_id == component_id);
            for (address, source) in failures {
                let failure = self.bind_options.not_bound(address, source);
                if !is_bound {
                    return Err(failure);
                }
                self.leave_out((component_id, Transport::Udp, address), || {
                    format!("component {component_id} does without {address}: {failure}")
                });
            }
        }
        self.ask_stun(context);
        Ok(())
    }

    /// Takes what STUN servers see of its shared sockets, as far as that is known; nothing is waited for.
    fn ask_stun(&mut self, context: &mut LoopContext<'_>) {
        if self.stun.is_empty() {
            return;
        }
        for binding in &self.bindings {
            let known = context.stun.ask(context.now, binding.local, &self.stun);
            for mapped in known {
                (self.stream).add_reflexive(binding.component_id, mapped, binding.local);
            }
        }
    }

    /// A STUN server sees a shared socket otherwise than before; returns whether that is one of the stream's.
    pub(in crate::net) fn mapping_changed(&mut self, mapping: &Mapping) -> bool {
        let asks = self.stun.contains(&mapping.server);
        let its = self
            .bindings
            .iter()
            .filter(|binding| asks && binding.local == mapping.base);
        let mut is_its = false;
        for binding in its {
            is_its = true;
            let (id, mapped) = (binding.component_id, mapping.mapped);
            (self.stream).reflexive_changed(id, mapped, mapping.base, mapping.before);
        }
        is_its
    }

    /// Goes on without a socket or a listener beside others. That is told once: to the application, or where streams
    /// share ports, to whoever reads the log.
    fn leave_out(&mut self, place: (u16, Transport, IpAddr), reason: impl FnOnce() -> String) {
        if self.with_left_out(|it| it.note(place)) {
            match self.bind_options.single_port {
                true => tracing::warn!("{}", reason()),
                false => self.stream.warn(reason()),
            }
        }
    }

    fn with_left_out<T>(&mut self, call: impl FnOnce(&mut LeftOut) -> T) -> T {
        match self.bind_options.single_port {
            true => LeftOut::with_shared(call),
            false => call(&mut self.left_out),
        }
    }

    fn bind(
        &mut self,
        context: &mut LoopContext<'_>,
        component_id: u16,
        address: IpAddr,
    ) -> io::Result<()> {
        self.hide(address, context.responder);
        let key = self.key();
        let is_there = |binding: &&Binding| {
            binding.component_id == component_id && binding.local.ip() == address
        };
        let bind_options = &self.bind_options;
        let mut socket = self.bindings.iter().find(is_there).copied();
        if socket.is_none() && !bind_options.no_udp {
            let binding = context.sockets.bind(bind_options, component_id, address)?;
            let ufrags = self.stream.local_ufrags(component_id);
            context.sockets.set_ufrags(binding, key, ufrags);
            self.stream.add_local_address(component_id, binding.local);
            self.bindings.push(binding);
            socket = Some(binding);
        }
        if bind_options.tcp.connects() {
            self.stream.add_connector(component_id, address);
        }
        self.with_left_out(|it| it.forget((component_id, Transport::Udp, address)));
        let listens = self.bind_options.tcp.listens();
        if listens && !self.listeners.iter().any(|binding| is_there(&binding)) {
            self.listen(context, component_id, address, socket)?;
        }
        Ok(())
    }

    /// Listens for TCP at the port of the UDP socket there, if there is one; else at another, or beside UDP not at all.
    fn listen(
        &mut self,
        context: &mut LoopContext<'_>,
        component_id: u16,
        address: IpAddr,
        socket: Option<Binding>,
    ) -> io::Result<()> {
        let key = self.key();
        let port = socket.map(|socket| socket.local.port());
        let connections = &mut context.connections;
        let place = (component_id, Transport::Tcp, address);
        let binding = match connections.bind(&self.bind_options, component_id, address, port) {
            Ok(binding) => binding,
            Err(source) if socket.is_some() => {
                let failure = self.bind_options.not_bound(address, source);
                self.leave_out(place, || {
                    format!(
                        "component {component_id} does not listen for TCP at {address}: {failure}"
                    )
                });
                return Ok(());
            }
            Err(source) => return Err(source),
        };
        let ufrags = self.stream.local_ufrags(component_id);
        connections.set_ufrags(binding, key, ufrags);
        self.stream.add_listener(component_id, binding.local);
        self.listeners.push(binding);
        let elsewhere = port.filter(|port| *port != binding.local.port());
        match elsewhere.filter(|_| self.bind_options.single_port) {
            None => self.with_left_out(|it| it.forget(place)),
            Some(port) => self.leave_out(place, || {
                let listens = binding.local;
                format!(
                    "component {component_id} listens for TCP at {listens}, for TCP port {port} was in use: see by \
                     whom, or let firewalls pass both"
                )
            }),
        }
        Ok(())
    }

    /// Gives up the sockets at addresses that the machine has lost, so that the peer is not told of them again. Where
    /// nothing else could be bound they stay: the address may come back.
    pub(in crate::net) fn leave_lost(
        &mut self,
        now: Instant,
        presence: &mut Presence,
        sockets: &mut Sockets,
        connections: &mut Connections,
    ) {
        let mut lost = self.stream.local_addresses();
        lost.retain(|&address| presence.has_lost(now, address));
        if lost.is_empty() || !self.has_another_address(now, presence) {
            return;
        }
        for address in lost {
            self.stream.remove_local_address(now, address);
            self.hidden.retain(|(hidden, _)| *hidden != address);
            let is_there = |binding: &Binding| binding.local.ip() == address;
            self.release_bindings(is_there, sockets, connections);
        }
    }

    /// Whether sockets can be bound to an address that the machine has.
    fn has_another_address(&self, now: Instant, presence: &mut Presence) -> bool {
        let Ok((addresses, _)) = self.bind_options.usable_addresses() else {
            return false;
        };
        addresses
            .into_iter()
            .any(|address| !presence.has_lost(now, address))
    }

    /// Answers for the name of an address from now on, if the peer is told that instead.
    fn hide(&mut self, address: IpAddr, responder: &Responder) {
        if self.hidden.iter().any(|(hidden, _)| *hidden == address) {
            return;
        }
        let Some(name) = self.stream.hidden_name(address) else {
            return;
        };
        let registration = match responder.register(&name, address) {
            Ok((registration, warning)) => {
                if let Some(warning) = warning {
                    self.stream.warn(warning);
                }
                Some(registration)
            }
            Err(error) => {
                // The peer is told the name all the same: what it does not find there, it sees in our checks.
                self.stream.warn(format!(
                    "multicast DNS does not work here ({error}): the peer cannot look up {name}, so it must be \
                     reachable itself; see who holds UDP port 5353, or do without hide_addresses"
                ));
                None
            }
        };
        self.hidden.push((address, registration));
    }

    /// After a restart requests come under another ufrag.
    pub(super) fn learn_ufrags(&mut self, context: &mut LoopContext<'_>) {
        let key = self.key();
        for binding in &self.bindings {
            let ufrags = self.stream.local_ufrags(binding.component_id);
            context.sockets.set_ufrags(*binding, key, ufrags);
        }
        for binding in &self.listeners {
            let ufrags = self.stream.local_ufrags(binding.component_id);
            context.connections.set_ufrags(*binding, key, ufrags);
        }
    }
}
