//! What comes from the peer, and how much of it may stay.

use std::net::SocketAddr;
use std::time::Instant;

use is::stun::{StunMessage, StunPacket};

use super::Generation;
use crate::ice::stun::{StunKind, stun_kind};
use crate::ice::{Pair, Source, tcp};

/// Addresses of ours that responses may tell of: more than the core has pairs,
/// which is the most that an honest peer behind any NAT brings at once.
const MAX_MAPPED: usize = 128;

impl Generation {
    /// Takes a datagram if it is a message for this generation, and authentic.
    /// `keep` is where the peer is that must not be forgotten.
    pub(in crate::ice) fn handle<'d>(
        &mut self,
        now: Instant,
        pair: Pair,
        datagram: &'d [u8],
        keep: Option<Source>,
    ) -> Option<StunMessage<'d>> {
        let kind = stun_kind(datagram)?;
        let is_for_us = match kind {
            StunKind::Request { local_ufrag, .. } => local_ufrag == Some(self.local.ufrag()),
            StunKind::Response { transaction } => {
                self.transactions.find(transaction, pair).is_some()
            }
            StunKind::Indication => false,
        };
        if !is_for_us {
            return None;
        }
        let message = StunMessage::parse(datagram).ok()?;
        if !self.make_room(pair, &message, keep) {
            return None;
        }
        let packet = StunPacket {
            proto: tcp::protocol(pair),
            source: pair.remote,
            destination: pair.local,
            message,
        };
        if !self.core.handle_packet(now, packet) {
            return None;
        }
        self.note(now, pair, kind, &message);
        self.drive(now);
        Some(message)
    }

    fn is_new_source(&self, source: Source) -> bool {
        !self.is_signalled(source) && !self.learned.contains(&source)
    }

    fn new_mapping(&self, message: &StunMessage<'_>) -> Option<SocketAddr> {
        let mapped = message.mapped_address()?;
        let is_known = self.locals.iter().any(|local| local.addr == mapped);
        (!is_known && !self.mapped.contains(&mapped)).then_some(mapped)
    }

    /// Sees to it that the core may learn from `message`; only an authentic one
    /// may push older knowledge out.
    fn make_room(&mut self, pair: Pair, message: &StunMessage<'_>, keep: Option<Source>) -> bool {
        if !message.is_binding_request() {
            if self.mapped.len() < MAX_MAPPED || self.new_mapping(message).is_none() {
                return true;
            }
            if self.core.accepts_message(message) {
                self.rebuild(|source| Some(source) == keep);
            }
            // The check it answers is gone with the old core.
            return false;
        }
        if self.remote.is_none() && self.waiting >= self.config.max_sources {
            return false;
        }
        if self.learned.len() < self.config.max_sources || !self.is_new_source(pair.source()) {
            return true;
        }
        if !self.core.accepts_message(message) {
            return false;
        }
        self.rebuild(|source| Some(source) == keep);
        true
    }

    /// Books what the core has taken in.
    fn note(&mut self, now: Instant, pair: Pair, kind: StunKind<'_>, message: &StunMessage<'_>) {
        self.note_nomination(now, pair, message);
        if let StunKind::Response { transaction } = kind {
            // The peer has seen the nomination.
            if self
                .transactions
                .find(transaction, pair)
                .is_some_and(|t| t.nominated)
            {
                self.settle();
            }
            self.transactions.remove(transaction);
            self.mapped.extend(self.new_mapping(message));
            return;
        }
        if self.is_new_source(pair.source()) {
            self.learned.push(pair.source());
        }
        if self.remote.is_none() {
            self.waiting += 1;
        }
    }

    fn note_nomination(&mut self, now: Instant, pair: Pair, message: &StunMessage<'_>) {
        let (Some(nominations), Some(highest)) = (&mut self.nominations, self.nominated) else {
            return;
        };
        if message.is_binding_request() {
            nominations.note_request(now, pair, message.use_candidate(), highest);
        }
        // A lite side asks nothing: it takes the peer's word that a pair is valid.
        if message.is_successful_binding_response() || self.config.lite {
            nominations.note_answer(now, pair);
        }
    }
}
