//! One ICE generation: the core, and what it is given.

mod intake;

use std::net::SocketAddr;
use std::time::Instant;

use is::{Candidate, CandidateKind, IceAgent, IceAgentEvent, IceConnectionState, Protocol};

use super::core::{SETTLED, new_core, to_core};
use super::local::{Local, Origin, base_of};
use super::nomination::Nominations;
use super::stun::{StunKind, stun_kind};
use super::tcp::{self, transport};
use super::transactions::{Transaction, Transactions};
use super::{Config, Credentials, Pair, Source, Transmit};

/// What the core, or the peer, has come to.
pub(super) enum Change {
    Nominated(Pair),
    /// No pair is left that could work.
    Exhausted,
}

/// The core and its candidates, from one ICE restart to the next.
///
/// The core forgets no candidate that it ever learned, so it is made anew, with
/// the same credentials, when it has learned too many or when every pair is to
/// be tried again; to the peer this is invisible.
#[derive(Debug)]
pub(super) struct Generation {
    core: IceAgent,
    config: Config,
    local: Credentials,
    remote: Option<Credentials>,
    locals: Vec<Local>,
    /// Signalled by the peer; the core gets them with the peer's credentials.
    candidates: Vec<Candidate>,
    /// Sources of requests that were not signalled: peer-reflexive candidates.
    learned: Vec<Source>,
    /// Addresses of ours as the peer saw them, known candidates aside.
    mapped: Vec<SocketAddr>,
    transactions: Transactions,
    /// The core's choice.
    nominated: Option<Pair>,
    /// The peer's, if that is controlling.
    nominations: Option<Nominations>,
    /// Requests that the core holds until it knows the peer's credentials.
    waiting: usize,
}

impl Generation {
    pub(super) fn new(config: &Config, controlling: bool, local: Credentials) -> Self {
        Self {
            core: new_core(&local, controlling, config),
            config: config.clone(),
            local,
            remote: None,
            locals: Vec::new(),
            candidates: Vec::new(),
            learned: Vec::new(),
            mapped: Vec::new(),
            transactions: Transactions::default(),
            nominated: None,
            nominations: None,
            waiting: 0,
        }
    }

    pub(super) fn controlling(&self) -> bool {
        self.core.controlling()
    }

    pub(super) fn take_control(&mut self) {
        self.core.set_controlling(true);
    }

    pub(super) fn local(&self) -> &Credentials {
        &self.local
    }

    pub(super) fn remote(&self) -> Option<&Credentials> {
        self.remote.as_ref()
    }

    pub(super) fn locals(&self) -> &[Local] {
        &self.locals
    }

    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub(super) fn add_local(&mut self, addr: SocketAddr, origin: Origin) -> Option<Local> {
        let candidate = origin.candidate(addr, &self.locals)?;
        let priority = self.core.add_local_candidate(candidate)?.prio();
        let priority = match origin {
            Origin::Active => tcp::signalled(priority),
            _ => priority,
        };
        let local = Local {
            addr,
            origin,
            priority,
        };
        self.locals.push(local);
        Some(local)
    }

    /// Its pairs end with it.
    pub(super) fn remove_relayed(&mut self, addr: SocketAddr) {
        self.locals.retain(|local| local.addr != addr);
        let is_it = |c: &Candidate| c.kind() == CandidateKind::Relayed && c.addr() == addr;
        let gone = self.core.local_candidates().find(is_it);
        if let Some(gone) = gone {
            self.core.invalidate_candidate(&gone);
        }
    }

    pub(super) fn add_candidate(&mut self, candidate: Candidate) {
        if self.remote.is_some() && is_to_be_checked(&candidate) {
            self.core.add_remote_candidate(candidate.clone());
        }
        self.candidates.push(candidate);
    }

    /// Nothing comes from there any more: it is not to be tried again.
    pub(super) fn forget(&mut self, source: Source) {
        self.learned.retain(|known| *known != source);
    }

    /// Candidates that say another ufrag are of an older generation and leave.
    pub(super) fn set_remote(&mut self, remote: Credentials) {
        let is_of_this = |c: &Candidate| c.ufrag().is_none_or(|ufrag| ufrag == remote.ufrag());
        self.candidates.retain(is_of_this);
        let first = self.remote.is_none();
        self.remote = Some(remote);
        if first {
            self.introduce_peer();
        } else {
            self.rebuild(|_| false);
        }
    }

    /// Starts over with all candidates, pruned ones included, and with those
    /// peer-reflexive ones that `keep` names: the peer's next check brings back
    /// the others.
    pub(super) fn rebuild(&mut self, keep: impl Fn(Source) -> bool) {
        let learned: Vec<Candidate> = self
            .core
            .remote_candidates()
            .filter(|c| c.kind() == CandidateKind::PeerReflexive && keep(source_of(c)))
            .filter(|c| self.learned.contains(&source_of(c)) && !self.is_signalled(source_of(c)))
            .collect();
        self.core = new_core(&self.local, self.core.controlling(), &self.config);
        self.mapped.clear();
        self.transactions.clear();
        self.nominated = None;
        self.nominations = None;
        self.waiting = 0;
        self.learned = learned.iter().map(source_of).collect();
        for local in std::mem::take(&mut self.locals) {
            self.add_local(local.addr, local.origin);
        }
        self.introduce_peer();
        for mut candidate in learned {
            // The core marks what it learned with our own ufrag, and refuses it so.
            let remote = self.remote.as_ref().map_or("", Credentials::ufrag);
            candidate.set_ufrag(remote);
            self.core.add_remote_candidate(candidate);
        }
    }

    /// Leaves the core only `pair` to keep alive.
    pub(super) fn prune(&mut self, pair: Pair) {
        // Where both sides use one private address, invalidating the peer's
        // candidate would hit ours.
        let is_ours = |addr| self.locals.iter().any(|local| local.addr == addr);
        let is_other = |c: &Candidate| c.proto() != tcp::protocol(pair);
        let remote = self.core.remote_candidates();
        let local = self.core.local_candidates();
        let losers: Vec<Candidate> = remote
            .filter(|c| (c.addr() != pair.remote || is_other(c)) && !is_ours(c.addr()))
            .chain(local.filter(|c| base_of(c) != pair.local || is_other(c)))
            .collect();
        for candidate in losers {
            self.core.invalidate_candidate(&candidate);
        }
    }

    /// The core answers one waiting request per call, and sends at most one check.
    pub(super) fn drive(&mut self, now: Instant) {
        let calls = match self.remote {
            Some(_) => 1 + std::mem::take(&mut self.waiting),
            None => 1,
        };
        for _ in 0..calls {
            self.core.handle_timeout(now);
        }
    }

    /// Without the peer's credentials there is nothing to send, ever.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.remote.as_ref()?;
        self.core.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.core.poll_transmit()?;
        let pair = pair(transmit.proto, transmit.source, transmit.destination);
        let contents = Vec::from(transmit.contents);
        if let Some(StunKind::Request { transaction, .. }) = stun_kind(&contents) {
            self.transactions.insert(Transaction {
                id: transaction,
                pair,
                nominated: self.nominated == Some(pair),
            });
        }
        Some(Transmit::new(pair, contents))
    }

    pub(super) fn poll_change(&mut self, now: Instant) -> Option<Change> {
        while let Some(event) = self.core.poll_event() {
            match event {
                IceAgentEvent::NominatedSend {
                    proto,
                    source,
                    destination,
                } => {
                    let pair = pair(proto, source, destination);
                    self.nominated = Some(pair);
                    // The controlled side has nothing left to find out.
                    if !self.core.controlling() {
                        self.settle();
                        self.nominations = Some(Nominations::new(pair, now));
                    }
                    return Some(Change::Nominated(pair));
                }
                IceAgentEvent::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                    return Some(Change::Exhausted);
                }
                _ => {}
            }
        }
        if self.core.controlling() {
            return None;
        }
        let moved = self.nominations.as_mut()?.take_move(now)?;
        Some(Change::Nominated(moved))
    }

    fn settle(&mut self) {
        SETTLED.apply(&mut self.core);
    }

    fn introduce_peer(&mut self) {
        let Some(remote) = &self.remote else { return };
        self.core.set_remote_credentials(to_core(remote));
        for candidate in self.candidates.iter().filter(|c| is_to_be_checked(c)) {
            self.core.add_remote_candidate(candidate.clone());
        }
    }

    fn is_signalled(&self, source: Source) -> bool {
        self.candidates.iter().any(|c| source_of(c) == source)
    }
}

fn pair(protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Pair {
    Pair {
        transport: transport(protocol),
        local,
        remote,
    }
}

fn source_of(candidate: &Candidate) -> Source {
    (transport(candidate.proto()), candidate.addr())
}

/// Whether a candidate of the peer's is one to send checks to: a connection that the peer makes brings its own.
fn is_to_be_checked(candidate: &Candidate) -> bool {
    candidate.proto() != tcp::PASSIVE
}
