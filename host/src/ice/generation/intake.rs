//! What comes from the peer, and how much of it may stay.

use std::net::SocketAddr;
use std::time::Instant;

use is::Candidate;
use is::stun::{StunMessage, StunPacket};

use super::Generation;
use crate::ice::answers::{completed, success, unknown_attributes};
use crate::ice::attributes::{has_wrong_fingerprint, unknown};
use crate::ice::core::new_core;
use crate::ice::local::{Local, base_of};
use crate::ice::newcomers::pays;
use crate::ice::nomination::Nominations;
use crate::ice::repeats::Mark;
use crate::ice::sources::Sources;
use crate::ice::stun::{Datagram, StunKind, TransactionId};
use crate::ice::tcp::transport;
use crate::ice::transactions::Transaction;
use crate::ice::usernames::to_core;
use crate::ice::{Pair, Source, Transmit, tcp};

/// Addresses of ours that responses may tell of: more than the core has pairs,
/// which is the most that an honest peer behind any NAT brings at once.
const MAX_MAPPED: usize = 128;
/// Longer than any check.
const MAX_HELD_BYTES: usize = 512;

/// A request from before the peer's credentials.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) pair: Pair,
    request: Vec<u8>,
    /// Bytes of the answer that it has got.
    answered: usize,
}

/// What has come from the peer, authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ice) enum Heard {
    /// A success, to a check of ours, from where that went.
    Answer,
    /// A check that has not come before.
    Check,
    /// A check that has, or an error.
    Other,
}

impl Generation {
    /// Takes a datagram if it is a message for this generation, and authentic. `verified` is where the peer has
    /// answered.
    pub(in crate::ice) fn handle(
        &mut self,
        now: Instant,
        pair: Pair,
        datagram: Datagram<'_>,
        verified: &Sources,
    ) -> Option<Heard> {
        self.taken = 0;
        let heard = self.take(now, pair, datagram, verified);
        self.note_request(pair, datagram, heard);
        let heard = heard?;
        self.is_proven |= self.remote.is_some();
        Some(heard)
    }

    /// The peer's ufrag in an authentic check to our credentials, if it is another than that of the peer's
    /// credentials, or these are not known yet. Once they are proven the peer has no others for ours.
    pub(in crate::ice) fn named_by(&self, datagram: Datagram<'_>) -> Option<String> {
        let Some(StunKind::Request { local_ufrag, .. }) = datagram.stun() else {
            return None;
        };
        if self.is_proven || local_ufrag != Some(self.local.ufrag()) {
            return None;
        }
        let datagram = datagram.bytes();
        let message = StunMessage::parse(datagram).ok()?;
        let (_, named) = message.split_username()?;
        if self.remote().is_some_and(|remote| remote.ufrag() == named) {
            return None;
        }
        // Without the peer's credentials a core asks for integrity only.
        let core = new_core(&self.local, false, &self.config);
        let renamed = to_core(datagram, &self.local, None);
        let is_authentic = core.accepts_message(&StunMessage::parse(&renamed).ok()?);
        is_authentic.then(|| named.to_owned())
    }

    fn take(
        &mut self,
        now: Instant,
        pair: Pair,
        datagram: Datagram<'_>,
        verified: &Sources,
    ) -> Option<Heard> {
        let (kind, datagram) = (datagram.stun()?, datagram.bytes());
        match kind {
            StunKind::Request {
                transaction,
                local_ufrag,
            } => {
                let is_for_us = local_ufrag == Some(self.local.ufrag());
                if !is_for_us || has_wrong_fingerprint(datagram) {
                    return None;
                }
                self.take_request(now, (pair, transaction), datagram, verified)
            }
            StunKind::Response { transaction } => {
                let Some(asked) = self.transactions.find(transaction, pair) else {
                    self.note_elsewhere(transaction, pair);
                    return None;
                };
                if has_wrong_fingerprint(datagram) {
                    return None;
                }
                let heard = self.take_response(now, asked, datagram);
                self.note_response(pair, datagram, heard);
                heard
            }
            StunKind::Indication => None,
        }
    }

    fn take_request(
        &mut self,
        now: Instant,
        (pair, transaction): (Pair, TransactionId),
        datagram: &[u8],
        verified: &Sources,
    ) -> Option<Heard> {
        let renamed = to_core(datagram, &self.local, self.remote.as_ref());
        let message = StunMessage::parse(&renamed).ok()?;
        if self.rejects(pair, transaction, &message, datagram) {
            return None;
        }
        if self.remote.is_none() {
            return self.hold((pair, transaction), &message, datagram);
        }
        let source = pair.source();
        let is_known = self.is_known(source);
        let known = self.repeats.look(transaction);
        let first = self.repeats.first(known);
        let is_copy = first.is_some_and(|first| self.is_copy(source, first, verified));
        if is_copy && !self.conflicts(&message) {
            let is_answered = is_known && self.core.accepts_message(&message);
            return is_answered.then(|| {
                // A copy may be faster than the check: the pair in use is nominated by either.
                self.note_nomination(now, pair, &message, |nominations| nominations.uses(pair));
                self.newcomers.credit_copy(source, datagram.len());
                self.answer(pair, transaction, verified);
                Heard::Other
            });
        }
        let has_place = is_known
            || self.core.accepts_message(&message)
                && self.admit(now, source, first.is_some(), verified);
        if !has_place || !self.give(now, pair, message) {
            return None;
        }
        self.newcomers.credit(now, source, datagram.len());
        // The first may have been the copy: from now on it is known as the check of whoever has answered.
        if first.is_none() || verified.contains(source) {
            self.repeats.insert(known, source);
        }
        self.note_nomination(now, pair, &message, |_| true);
        self.drive(now);
        Some(match is_copy {
            true => Heard::Other,
            false => Heard::Check,
        })
    }

    fn note_nomination(
        &mut self,
        now: Instant,
        pair: Pair,
        message: &StunMessage<'_>,
        counts: impl Fn(&Nominations) -> bool,
    ) {
        if let Some(highest) = self.nominated
            && let Some(nominations) = self.nominations.as_mut().filter(|it| counts(it))
        {
            nominations.note_request(now, pair, message.use_candidate(), highest);
        }
    }

    fn take_response(
        &mut self,
        now: Instant,
        asked: Transaction,
        datagram: &[u8],
    ) -> Option<Heard> {
        let pair = asked.pair;
        let completed = self.complete(pair, datagram);
        let mut message = StunMessage::parse(completed.as_deref().unwrap_or(datagram)).ok()?;
        let plain;
        if self.mapped.len() >= MAX_MAPPED && self.new_mapping(&message).is_some() {
            // One more address of ours would be one too many: that the peer is there is news enough.
            if !self.core.accepts_message(&message) {
                return None;
            }
            plain = success(asked.id, pair.local, self.remote.as_ref()?.pwd())?;
            message = StunMessage::parse(&plain).ok()?;
        }
        if !self.give(now, pair, message) {
            return None;
        }
        self.transactions.remove(asked.id);
        self.mapped.extend(self.new_mapping(&message));
        // The peer has seen the nomination.
        if asked.nominated {
            self.settle();
        }
        let is_success = message.is_successful_binding_response();
        if is_success {
            self.newcomers.remove(pair.source());
            if let Some(nominations) = &mut self.nominations {
                nominations.note_answer(now, pair);
            }
        }
        self.drive(now);
        Some(match is_success {
            true => Heard::Answer,
            false => Heard::Other,
        })
    }

    /// Hands a message to the core; tells whether it is authentic.
    fn give(&mut self, now: Instant, pair: Pair, message: StunMessage<'_>) -> bool {
        let packet = StunPacket {
            proto: tcp::protocol(pair),
            source: pair.remote,
            destination: pair.local,
            message,
        };
        self.core.handle_packet(now, packet)
    }

    /// Answers a request from before the peer's credentials at once, since that needs only ours (RFC 8445, section 7.3),
    /// and keeps it until they are there.
    fn hold(
        &mut self,
        (pair, transaction): (Pair, TransactionId),
        message: &StunMessage<'_>,
        datagram: &[u8],
    ) -> Option<Heard> {
        if datagram.len() > MAX_HELD_BYTES || !self.core.accepts_message(message) {
            return None;
        }
        let is_it = |held: &Held| held.pair == pair && held.request == datagram;
        let is_held = self.held.iter().any(is_it);
        if !is_held && self.held.len() >= self.config.max_sources {
            return None;
        }
        let answered = match self.conflicts(message) {
            true => 0, // which side changes its role shows later
            false => self.answer_early(pair, transaction, datagram.len()),
        };
        if !is_held {
            self.held.push(Held {
                pair,
                request: datagram.to_vec(),
                answered,
            });
        }
        Some(Heard::Other)
    }

    /// Returns the bytes of the answer, if there is one.
    fn answer_early(&mut self, pair: Pair, transaction: TransactionId, received: usize) -> usize {
        let is_base = |local: &Local| {
            local.base() == pair.local && transport(local.origin.protocol()) == pair.transport
        };
        let answer = success(transaction, pair.remote, self.local.pwd());
        let answer = answer.filter(|answer| pays(received, answer.len()));
        let Some(answer) = answer.filter(|_| self.locals.iter().any(is_base)) else {
            return 0;
        };
        let bytes = answer.len();
        self.answers.push_back(Transmit::new(pair, answer));
        bytes
    }

    /// Takes the requests from before the peer's credentials.
    pub(in crate::ice) fn take_held(&mut self, now: Instant, verified: &Sources) {
        if self.remote.is_some() {
            for held in std::mem::take(&mut self.held) {
                let request = Datagram::new(&held.request);
                self.handle(now, held.pair, request, verified);
                self.newcomers.note_sent(held.pair.source(), held.answered);
            }
        }
    }

    /// Whether a request that came first from elsewhere, or from here before, tells nothing: it was sent by the peer
    /// from where it came first, if the peer is there. If not, the first may have been the copy.
    fn is_copy(&self, source: Source, first: Mark, verified: &Sources) -> bool {
        let mark = |source| self.repeats.mark(source);
        mark(source) == first || verified.iter().any(|verified| mark(verified) == first)
    }

    /// Whether the peer claims the role that this side has, which the core settles.
    fn conflicts(&self, message: &StunMessage<'_>) -> bool {
        match self.core.controlling() {
            true => message.ice_controlling().is_some() || message.use_candidate(),
            false => message.ice_controlled().is_some(),
        }
    }

    /// Answers a request again, if the core would.
    fn answer(&mut self, pair: Pair, transaction: TransactionId, verified: &Sources) {
        let protocol = tcp::protocol(pair);
        let is_remote = |c: &Candidate| c.addr() == pair.remote && c.proto() == protocol;
        let is_local = |c: &Candidate| base_of(c) == pair.local && c.proto() == protocol;
        let lives = self.core.remote_candidates().any(|c| is_remote(&c))
            && self.core.local_candidates().any(|c| is_local(&c));
        let answer = success(transaction, pair.remote, self.local.pwd());
        if let Some(answer) = answer.filter(|_| lives)
            && self.may_send(pair.source(), answer.len(), verified)
        {
            self.answers.push_back(Transmit::new(pair, answer));
        }
    }

    /// What the core cannot read without an address that the peer left out.
    fn complete(&self, pair: Pair, datagram: &[u8]) -> Option<Vec<u8>> {
        completed(datagram, pair.local, self.remote.as_ref()?.pwd())
    }

    /// Whether an authentic request asks for what nobody here knows, which is told to the peer.
    fn rejects(
        &mut self,
        pair: Pair,
        transaction: TransactionId,
        message: &StunMessage<'_>,
        datagram: &[u8],
    ) -> bool {
        let unknown = unknown(datagram);
        if unknown.is_empty() {
            return false;
        }
        if message.is_binding_request() && self.core.accepts_message(message) {
            let answer = unknown_attributes(transaction, &unknown, self.local.pwd());
            self.answers
                .extend(answer.map(|contents| Transmit::new(pair, contents)));
        }
        true
    }

    fn new_mapping(&self, message: &StunMessage<'_>) -> Option<SocketAddr> {
        let mapped = message.mapped_address()?;
        let is_known = self.locals.iter().any(|local| local.addr == mapped);
        (!is_known && !self.mapped.contains(&mapped)).then_some(mapped)
    }
}
