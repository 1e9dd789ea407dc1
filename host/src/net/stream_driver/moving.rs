//! Whether a stream may move to another event loop, and what it takes along.
use super::StreamDriver;
use crate::ice::{Pair, Tcp};
use crate::net::instances::Instances;
use crate::net::keys::StreamKey;
use crate::net::mailbox::Mailbox;
use crate::net::udp::sockets::Sockets;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What decides whether a stream may move.
#[derive(Debug, Default)]
pub(super) struct Residence {
    /// Names that are being looked up: what is found comes to the loop that has asked.
    pub(super) lookups: usize,
    /// Whether another loop expects it.
    is_expected: bool,
    moved: Option<Instant>,
}

/// Between two moves at least: a peer may select pairs as often as it likes.
const BETWEEN_MOVES: Duration = Duration::from_secs(1);

impl StreamDriver {
    /// Whether the stream had better live where a datagram of this pair has arrived: it is the selected pair of the first
    /// component, over which most of what a stream does comes.
    pub(in crate::net) fn is_to_follow(&self, now: Instant, component_id: u16, pair: Pair) -> bool {
        let rests = self.residence.moved;
        component_id == 1
            && !self.residence.is_expected
            && rests.is_none_or(|moved| now >= moved + BETWEEN_MOVES)
            && self.stream.selected_pair(component_id) == Some(pair)
            && self.can_move()
    }

    /// Whether all that the stream has can live on another loop as well: sockets on shared ports, and nothing that comes
    /// back to the loop on which it was begun.
    pub(in crate::net) fn can_move(&self) -> bool {
        self.bind_options.single_port
            && self.bind_options.tcp == Tcp::Off
            && !self.stream.has_relays()
            && !self.stream.has_ended()
            && self.hidden.is_empty()
            && self.residence.lookups == 0
            && self.backend.is_idle()
    }

    /// Another loop expects the stream, or does so no more.
    pub(in crate::net) fn set_expected(&mut self, is_expected: bool) {
        self.residence.is_expected = is_expected;
    }

    /// The addresses of its sockets.
    pub(in crate::net) fn locals(&self) -> Vec<SocketAddr> {
        self.bindings.iter().map(|binding| binding.local).collect()
    }

    /// Leaves its loop for the one with this mailbox: from now on what is for the stream is told there.
    pub(in crate::net) fn leave(
        &mut self,
        now: Instant,
        sockets: &mut Sockets,
        instances: &Instances,
        mailbox: &Arc<Mailbox>,
    ) {
        self.residence.moved = Some(now);
        self.dirty = false;
        for binding in &self.bindings {
            sockets.move_away(*binding, self.key());
        }
        self.be_told_at(instances, mailbox);
    }

    fn be_told_at(&self, instances: &Instances, mailbox: &Arc<Mailbox>) {
        for id in self.instances.values() {
            instances.move_to(*id, mailbox);
        }
        self.inbox().move_to(mailbox);
    }

    /// Has come to a loop that has sockets at the same addresses; or has not left, for there is no such loop any more.
    pub(in crate::net) fn arrive(
        &mut self,
        sockets: &Sockets,
        instances: &Instances,
        mailbox: &Arc<Mailbox>,
    ) {
        for binding in &mut self.bindings {
            let index = sockets.shared_at(binding.local);
            binding.index = index.expect("the loop has said that it has a socket there");
        }
        self.be_told_at(instances, mailbox);
    }

    /// Whether the stream shares its ports with others.
    pub(in crate::net) fn shares_port(&self) -> bool {
        self.bind_options.single_port
    }

    /// The socket of a component at this address, by its index among the loop's.
    pub(in crate::net) fn socket_at(&self, component_id: u16, local: SocketAddr) -> Option<usize> {
        let binding = self.binding_at(local);
        let its = binding.filter(|binding| binding.component_id == component_id);
        its.map(|binding| binding.index)
    }

    /// A name has been looked up.
    pub(in crate::net) fn note_found(&mut self) {
        self.residence.lookups = self.residence.lookups.saturating_sub(1);
    }

    /// The stream's key.
    pub(in crate::net) fn stream_key(&self) -> StreamKey {
        self.key()
    }
}
