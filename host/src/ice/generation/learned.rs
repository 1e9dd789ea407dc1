//! Addresses that the peer checks from and has not signalled.

use std::time::Instant;

use is::{Candidate, CandidateKind};

use super::{Generation, source_of};
use crate::ice::sources::Sources;
use crate::ice::usernames::in_core;
use crate::ice::{Credentials, Source, Transport};

/// Most that the core learns before it is made anew, which it is not while it has a pair.
const MAX_KNOWN: usize = 64;
/// What the core calls the foundation of a candidate that it has learned: it then takes another for the same address
/// in its place.
const LEARNED: &str = "tmp_prflx";

impl Generation {
    /// Whether the peer may be at `source`: its datagrams are worth keeping until that has answered a check.
    pub(in crate::ice) fn expects(&self, source: Source) -> bool {
        self.is_signalled(source)
            || self.learned.contains(&source)
            || self.held.iter().any(|held| held.pair.source() == source)
    }

    /// Whether checks have come from anywhere.
    pub(in crate::ice) fn was_asked(&self) -> bool {
        !self.learned.is_empty()
    }

    pub(super) fn is_known(&self, source: Source) -> bool {
        self.is_sought(source) || self.learned.contains(&source)
    }

    /// Whether `bytes` may go there: to an address that is neither signalled nor verified only in answer to what came
    /// from there, and to a socket of ours never.
    pub(super) fn may_send(&mut self, source: Source, bytes: usize, verified: &Sources) -> bool {
        if source.0 == Transport::Udp && self.has_socket_at(source.1) {
            return false;
        }
        self.is_sought(source) || verified.contains(source) || self.newcomers.pays(source, bytes)
    }

    /// Makes a place for an address whose authentic check has come, if there is one to be had.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        source: Source,
        is_copy: bool,
        verified: &Sources,
    ) -> bool {
        let is_forgotten = |c: &Candidate| source_of(c) == source;
        let known = self.learned.len() + self.forgotten.len();
        if known >= MAX_KNOWN && !self.forgotten.iter().any(is_forgotten) {
            if self.nominated.is_some() {
                return false; // nothing is dropped for room before the pair in use
            }
            self.rebuild(|source| verified.contains(source));
        }
        if !verified.contains(source) {
            match self.newcomers.place(now, is_copy) {
                Ok(None) => {}
                Ok(Some(leaving)) => self.give_up(leaving),
                Err(_) => return false,
            }
            self.newcomers.insert(now, source, is_copy);
        }
        self.learned.push(source);
        if let Some(index) = self.forgotten.iter().position(is_forgotten) {
            let candidate = self.forgotten.swap_remove(index);
            self.teach(candidate);
        }
        let mut signalled = self.candidates.iter();
        if let Some(candidate) = signalled.find(|c| source_of(c) == source).cloned() {
            self.rank(&candidate);
        }
        true
    }

    /// What has a place and has been silent for long loses it.
    pub(super) fn forget_the_silent(&mut self, now: Instant) {
        while let Some(source) = self.newcomers.silent(now) {
            self.give_up(source);
        }
    }

    /// Checks it no more, until it asks again.
    fn give_up(&mut self, source: Source) {
        self.forget(source);
        // Where both sides use one private address, the core would take it for ours.
        if self.locals.iter().any(|local| local.addr == source.1) {
            return;
        }
        let is_it = |c: &Candidate| source_of(c) == source;
        let candidate = self.core.remote_candidates().find(is_it);
        if let Some(candidate) = candidate {
            self.core.invalidate_candidate(&candidate);
            self.forgotten.push(candidate);
        }
    }

    /// Gives the core a candidate of the peer's.
    pub(super) fn teach(&mut self, mut candidate: Candidate) {
        // The core marks what it learned with our own ufrag, and refuses it so, as it does a long one.
        let remote = self.remote.as_ref().map_or("", Credentials::ufrag);
        candidate.set_ufrag(&in_core(remote));
        self.core.add_remote_candidate(candidate);
    }

    /// Has a lite side's core rank an address from which the peer checks as the peer does.
    pub(super) fn rank(&mut self, signalled: &Candidate) {
        let source = source_of(signalled);
        if self.config.lite && self.remote.is_some() && self.learned.contains(&source) {
            self.teach(Candidate::from_parts(
                LEARNED.to_owned(),
                1,
                signalled.proto(),
                signalled.prio(),
                signalled.addr(),
                CandidateKind::PeerReflexive,
                None,
                None,
                None,
            ));
        }
    }
}
