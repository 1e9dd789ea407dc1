//! One ICE generation: the core, and what it is given.

mod account;
mod doubt;
mod intake;
mod learned;

pub(super) use intake::Heard;

use account::Account;
use intake::Held;
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use is::{Candidate, CandidateKind, IceAgent, IceAgentEvent, IceConnectionState, Protocol};

use super::core::{SETTLED, TIMING_ADVANCE, TRIGGERED, new_core, to_core};
use super::local::{Local, Origin, base_of};
use super::newcomers::Newcomers;
use super::nomination::Nominations;
use super::pace::Pace;
use super::repeats::Repeats;
use super::sources::Sources;
use super::stun::{StunKind, stun_kind};
use super::tcp::{self, transport};
use super::transactions::{Transaction, Transactions};
use super::usernames::{in_core, renamed};
use super::{Config, Credentials, Pair, Source, Transmit};
use crate::queue::take_front;

/// Most messages and events that are taken from the core for one datagram or one call for the time, which bring a few.
/// The rest has its turn at the next.
const MAX_TAKEN: usize = 256;

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
pub(super) struct Generation {
    core: IceAgent,
    /// What it has said since it was given something.
    taken: usize,
    config: Config,
    local: Credentials,
    remote: Option<Credentials>,
    /// Whether the peer has shown that it uses both.
    is_proven: bool,
    locals: Vec<Local>,
    /// Signalled by the peer; the core gets them with the peer's credentials.
    candidates: Vec<Candidate>,
    /// Sources of requests that were not signalled: peer-reflexive candidates. On a lite side all sources.
    learned: Vec<Source>,
    /// Those of them that have not answered a check.
    newcomers: Newcomers,
    /// Those that were given up, as the core has them still.
    forgotten: Vec<Candidate>,
    repeats: Repeats,
    /// Of our checks.
    pace: Pace,
    /// Addresses of ours as the peer saw them, known candidates aside.
    mapped: Vec<SocketAddr>,
    transactions: Transactions,
    /// The core's choice.
    nominated: Option<Pair>,
    /// The peer's, if that is controlling.
    nominations: Option<Nominations>,
    /// Candidates of the peer's that it did not signal, and that were pruned.
    pruned: Vec<Candidate>,
    /// Candidates that the core was given again: it keeps both.
    restored: usize,
    /// Whether both sides have agreed on a pair.
    settled: bool,
    /// Those that the core does not give.
    answers: VecDeque<Transmit>,
    /// Requests from before the peer's credentials.
    held: Vec<Held>,
    /// What is seen of the peer, as long as there is no pair.
    account: Option<Box<Account>>,
}

/// Without the core, which shows passwords.
impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("locals", &self.locals)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

impl Generation {
    pub(super) fn new(config: &Config, controlling: bool, local: Credentials) -> Self {
        Self {
            core: new_core(&local, controlling, config),
            taken: 0,
            config: config.clone(),
            local,
            remote: None,
            is_proven: false,
            locals: Vec::new(),
            candidates: Vec::new(),
            learned: Vec::new(),
            newcomers: Newcomers::default(),
            forgotten: Vec::new(),
            repeats: Repeats::default(),
            pace: Pace::new(TIMING_ADVANCE, TRIGGERED),
            mapped: Vec::new(),
            transactions: Transactions::default(),
            nominated: None,
            nominations: None,
            pruned: Vec::new(),
            restored: 0,
            settled: false,
            answers: VecDeque::new(),
            held: Vec::new(),
            account: Some(Box::default()),
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

    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
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

    /// The peer is not told of it any more; the core has no pairs of its own for it.
    pub(super) fn forget_reflexive(&mut self, addr: SocketAddr, base: SocketAddr) {
        let origin = Origin::Reflexive { base };
        (self.locals).retain(|local| (local.addr, local.origin) != (addr, origin));
    }

    /// Nothing leaves from this address of the machine's any more, and what leaves by it is no candidate.
    pub(super) fn remove_address(&mut self, address: IpAddr) {
        self.locals.retain(|local| !local.leaves_by(address));
        let is_it =
            |c: &Candidate| c.kind() != CandidateKind::Relayed && base_of(c).ip() == address;
        let gone: Vec<Candidate> = self.core.local_candidates().filter(is_it).collect();
        for candidate in gone {
            self.core.invalidate_candidate(&candidate);
        }
    }

    pub(super) fn add_candidate(&mut self, candidate: Candidate) {
        let source = source_of(&candidate);
        if self.config.lite {
            self.rank(&candidate);
        } else {
            self.newcomers.remove(source);
            self.forgotten.retain(|known| source_of(known) != source);
            if self.remote.is_some() && is_to_be_checked(&candidate) {
                self.teach(candidate.clone());
            }
        }
        self.candidates.push(candidate);
    }

    /// Nothing comes from there any more: it is not to be tried again.
    pub(super) fn forget(&mut self, source: Source) {
        self.learned.retain(|known| *known != source);
        self.newcomers.remove(source);
    }

    /// Candidates that say another ufrag are of an older generation and leave.
    pub(super) fn set_remote(&mut self, remote: Credentials) {
        let is_of_this = |c: &Candidate| c.ufrag().is_none_or(|ufrag| ufrag == remote.ufrag());
        self.candidates.retain(is_of_this);
        let first = self.remote.is_none();
        self.remote = Some(remote);
        self.is_proven = false;
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
            .chain(std::mem::take(&mut self.pruned))
            .filter(|c| self.learned.contains(&source_of(c)) && !self.is_sought(source_of(c)))
            .collect();
        self.core = new_core(&self.local, self.core.controlling(), &self.config);
        self.mapped.clear();
        self.transactions.clear();
        self.nominated = None;
        self.nominations = None;
        self.newcomers.clear();
        self.forgotten.clear();
        self.restored = 0;
        self.settled = false;
        self.learned = learned.iter().map(source_of).collect();
        for local in std::mem::take(&mut self.locals) {
            self.add_local(local.addr, local.origin);
        }
        self.introduce_peer();
        for candidate in learned {
            self.teach(candidate);
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
            if self.core.invalidate_candidate(&candidate) && self.is_learned(&candidate) {
                self.pruned.push(candidate);
            }
        }
    }

    fn is_learned(&self, candidate: &Candidate) -> bool {
        let source = source_of(candidate);
        candidate.kind() == CandidateKind::PeerReflexive
            && self.learned.contains(&source)
            && !self.is_sought(source)
    }

    /// The core sends at most one check per call.
    pub(super) fn drive(&mut self, now: Instant) {
        self.taken = 0;
        self.forget_the_silent(now);
        if !self.pace.allows(now) {
            return;
        }
        let sent = self.core.stats().bind_request_sent;
        self.core.handle_timeout(now);
        if self.core.stats().bind_request_sent > sent {
            self.pace.spend(now);
        }
    }

    /// Without the peer's credentials there is nothing to send, ever.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.remote.as_ref()?;
        // A core that is new has no time yet, and waits only for its first check's turn.
        let (next, turn) = (self.core.poll_timeout(), self.pace.next());
        next.map_or(turn, |next| Some(turn.map_or(next, |turn| next.max(turn))))
    }

    /// Whether the core may have more to say than is taken at once: it is to be driven again.
    pub(super) fn has_more(&self) -> bool {
        self.taken == MAX_TAKEN
    }

    /// What the core says next, by whichever of its functions.
    fn next<T>(&mut self, poll: impl FnOnce(&mut IceAgent) -> Option<T>) -> Option<T> {
        if self.has_more() {
            return None;
        }
        let next = poll(&mut self.core)?;
        self.taken += 1;
        Some(next)
    }

    pub(super) fn poll_transmit(&mut self, verified: &Sources) -> Option<Transmit> {
        if let Some(answer) = take_front(&mut self.answers) {
            return Some(answer);
        }
        let (pair, contents) = loop {
            let transmit = self.next(IceAgent::poll_transmit)?;
            let pair = pair(transmit.proto, transmit.source, transmit.destination);
            let contents = self.named(Vec::from(transmit.contents));
            if self.may_send(pair.source(), contents.len(), verified) {
                break (pair, contents);
            }
        };
        if let Some(StunKind::Request { transaction, .. }) = stun_kind(&contents) {
            self.note_sent(pair);
            self.transactions.insert(Transaction {
                id: transaction,
                pair,
                nominated: self.nominated == Some(pair),
            });
        }
        Some(Transmit::new(pair, contents))
    }

    /// What the core sends, with the whole ufrags of both sides in a check.
    fn named(&self, contents: Vec<u8>) -> Vec<u8> {
        let Some(remote) = &self.remote else {
            return contents;
        };
        let (to, from) = (remote.ufrag(), self.local.ufrag());
        if in_core(to) == to && in_core(from) == from {
            return contents;
        }
        match stun_kind(&contents) {
            Some(StunKind::Request { .. }) => {
                renamed(&contents, &format!("{to}:{from}"), remote.pwd()).unwrap_or(contents)
            }
            _ => contents,
        }
    }

    pub(super) fn poll_change(&mut self, now: Instant) -> Option<Change> {
        while let Some(event) = self.next(IceAgent::poll_event) {
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
        self.settled = true;
        SETTLED.apply(&mut self.core);
    }

    fn introduce_peer(&mut self) {
        let Some(remote) = &self.remote else { return };
        self.core.set_remote_credentials(to_core(remote));
        self.seek();
    }

    /// Gives the core what the peer has signalled, and is not there.
    fn seek(&mut self) {
        if !self.config.lite {
            let sought = self.candidates.iter().filter(|c| is_to_be_checked(c));
            for candidate in sought.cloned().collect::<Vec<_>>() {
                self.teach(candidate);
            }
        }
    }

    /// Whether a candidate of the peer's is a socket of ours, as where both sides use one private address: there is
    /// nobody to be reached there but ourselves.
    pub(super) fn is_own(&self, candidate: &Candidate) -> bool {
        candidate.proto() == Protocol::Udp && self.has_socket_at(candidate.addr())
    }

    fn has_socket_at(&self, addr: SocketAddr) -> bool {
        let is_at = |local: &Local| local.addr == addr && local.origin == Origin::Host;
        self.locals.iter().any(is_at)
    }

    fn is_signalled(&self, source: Source) -> bool {
        self.candidates.iter().any(|c| source_of(c) == source)
    }

    /// Whether it is checked without having asked: a lite side seeks nobody.
    fn is_sought(&self, source: Source) -> bool {
        !self.config.lite && self.is_signalled(source)
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
