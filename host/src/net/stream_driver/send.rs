//! What leaves: ICE's and the handshake's, and the application's.
use super::{LoopContext, StreamDriver};
use crate::component::Cause;
use crate::ice::{Pair, Transmit, Transport, stun_kind};
use crate::net::keys::{Binding, ComponentKey, Sender};
use crate::net::loss::Loss;
use crate::net::tcp::{Connections, SendError};
use crate::net::udp::sockets::Sockets;
use std::net::SocketAddr;
use std::time::Instant;

/// Why neither a socket nor a relay took a datagram.
const NOT_TAKEN: &str = "its socket is gone, or its relay does not take it: one that is reached over UDP takes 65,503 \
                         bytes at most";

impl StreamDriver {
    /// A datagram of ICE's or a handshake's.
    pub(super) fn transmit(
        &mut self,
        context: &mut LoopContext<'_>,
        (component_id, transmit): &(u16, Transmit),
    ) {
        let (pair, datagram) = (transmit.pair(), &transmit.contents);
        let component = (self.key(), *component_id);
        match (pair.transport, self.binding_at(pair.local)) {
            (Transport::Tcp, _) => {
                let ways = (component, pair);
                let sent =
                    self.send_over_tcp(context.now, context.connections, ways, datagram, false);
                // ICE repeats its checks.
                if sent.is_err() && stun_kind(datagram).is_none() {
                    let stream = &mut self.stream;
                    stream.note_unsent(context.now, component.1, Cause::Unsent, 1);
                }
            }
            (Transport::Udp, Some(Binding { index, .. })) => {
                if !self.loses(component.1, pair, datagram, false) {
                    let remote = transmit.remote;
                    context
                        .sockets
                        .transmit(context.now, index, remote, component, datagram);
                }
            }
            // Its relay is gone, and the pair with it.
            (Transport::Udp, None) => {}
        }
    }

    /// A datagram of the application's. If it cannot be sent, the stream says so.
    pub(in crate::net) fn send(
        &mut self,
        now: Instant,
        (sockets, connections): (&mut Sockets, &mut Connections),
        component_id: u16,
        datagram: &[u8],
    ) {
        let component = (self.key(), component_id);
        let sent = match self.stream.route(component_id, datagram) {
            Ok(pair) if pair.transport == Transport::Tcp => {
                let sent = self.send_over_tcp(now, connections, (component, pair), datagram, true);
                sent.map_err(|error| error.to_string())
            }
            Ok(pair) => match self.binding_at(pair.local) {
                Some(binding) => {
                    if !self.loses(component_id, pair, datagram, true) {
                        let sender = Sender::Application(component);
                        sockets.push(binding.index, pair.remote, sender, datagram);
                    }
                    Ok(())
                }
                None if self.stream.send_relayed(now, component_id, pair, datagram) => Ok(()),
                None => Err(NOT_TAKEN.to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = sent {
            self.stream.could_not_send(component_id, reason);
        }
    }

    pub(super) fn binding_at(&self, local: SocketAddr) -> Option<Binding> {
        let mut bindings = self.bindings.iter();
        bindings.find(|binding| binding.local == local).copied()
    }

    /// Notes that a datagram is to leave; returns whether it is lost on purpose.
    fn loses(
        &mut self,
        component_id: u16,
        pair: Pair,
        datagram: &[u8],
        of_application: bool,
    ) -> bool {
        let lost = self.loss.as_mut().is_some_and(Loss::drops);
        if let Some(recorder) = &self.recorder {
            recorder.sent(component_id, pair, datagram, of_application, lost);
        }
        lost
    }

    /// A datagram that has no connection to leave by is not noted.
    fn send_over_tcp(
        &mut self,
        now: Instant,
        connections: &mut Connections,
        (component, pair): (ComponentKey, Pair),
        datagram: &[u8],
        of_application: bool,
    ) -> Result<(), SendError> {
        let lost = self.loss.as_mut().is_some_and(Loss::drops);
        if !lost {
            connections.send(now, component, pair, datagram)?;
        }
        if let Some(recorder) = &self.recorder {
            let shown = connections.as_it_is(component, pair);
            recorder.sent(component.1, shown, datagram, of_application, lost);
        }
        Ok(())
    }
}
