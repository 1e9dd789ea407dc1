//! The agent: one generation, or two during a restart, and what they agree on.

mod doubt;
mod upkeep;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use is::CandidateKind;

use super::announced::{outdo, rule_for};
use super::budget::Budget;
use super::candidate::{self, is_usable};
use super::generation::{Generation, Heard};
use super::hiding::hidden;
use super::local::{Local, Origin};
use super::selected::Selected;
use super::sources::{Sources, Touched};
use super::stun::{Datagram, StunKind};
use super::tcp::ACTIVE_PORT;
use super::{
    Accepted, CandidateError, Config, Credentials, Event, Ignored, Pair, Transmit, Transport,
};
use crate::queue::take_front;

/// ICE for one component; see the [module](super) for how to drive it.
///
/// An agent and its queues are bounded, whatever arrives and from wherever, as
/// long as transmits and events are polled.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    /// The latest time seen.
    now: Instant,
    /// Something was changed without a time: handle it at once.
    dirty: bool,
    current: Generation,
    /// After a restart the generation that `selected` is of, until the current
    /// one has a pair of its own: data goes on meanwhile (RFC 8445 §9).
    previous: Option<Box<Generation>>,
    selected: Option<Selected>,
    /// Where the peer was, and when it was last heard there, if its pair was lost and none is selected since.
    lost: Option<(SocketAddr, Instant)>,
    verified: Sources,
    budget: Budget,
    /// Host candidates that are hidden, and that a STUN server saw at their own addresses.
    seen: Vec<Local>,
    events: VecDeque<Event>,
    end_of_candidates: bool,
    /// Where the peer cannot be.
    barred: Vec<IpAddr>,
    /// When to fail; runs while nothing is selected, anew from when there is something to try.
    deadline: Option<Instant>,
    /// Whether there has been something to try in this generation.
    tries: bool,
    failed: bool,
}

impl Agent {
    /// An agent without candidates. `now` is any time not after those that follow.
    pub fn new(config: Config, local: Credentials, now: Instant) -> Self {
        Self {
            now,
            dirty: true, // the time for finding a pair begins
            current: Generation::new(&config, config.controlling, local),
            previous: None,
            selected: None,
            lost: None,
            verified: Sources::new(config.max_sources),
            budget: Budget::default(),
            seen: Vec::new(),
            events: VecDeque::new(),
            end_of_candidates: false,
            barred: Vec::new(),
            deadline: None,
            tries: false,
            failed: false,
            config,
        }
    }

    /// Offers a socket's address as a host candidate and gives the line to
    /// signal, or `None` where no candidate can be made of it: unspecified,
    /// multicast, IPv4 link-local, or there already.
    pub fn add_local_host(&mut self, addr: SocketAddr) -> Option<String> {
        self.add_local(addr, Origin::Host)
    }

    /// Offers the address as which a STUN server saw the socket at `base`
    /// (RFC 8445 §5.1.1.1), and gives the line to signal; `None` also where it
    /// tells nothing new, such as without a NAT.
    pub fn add_local_reflexive(&mut self, addr: SocketAddr, base: SocketAddr) -> Option<String> {
        if addr.is_ipv4() != base.is_ipv4() {
            return None;
        }
        if addr == base {
            return self.add_seen(addr);
        }
        self.add_local(addr, Origin::Reflexive { base })
    }

    /// No STUN server sees the socket at `base` as `addr` any more: the peer is not told of it again. Its checks lose
    /// nothing, for they leave from the same socket as others.
    pub fn forget_local_reflexive(&mut self, addr: SocketAddr, base: SocketAddr) {
        for generation in std::iter::once(&mut self.current).chain(self.previous.as_deref_mut()) {
            generation.forget_reflexive(addr, base);
        }
        if addr == base {
            self.seen.retain(|seen| seen.addr != addr);
        }
    }

    fn add_seen(&mut self, addr: SocketAddr) -> Option<String> {
        let Config {
            hiding, announced, ..
        } = &self.config;
        hidden(hiding.as_deref(), announced, addr.ip())?;
        let mut locals = self.current.locals().iter();
        let host = locals.find(|local| local.addr == addr && local.origin == Origin::Host)?;
        if self.seen.iter().any(|seen| seen.addr == addr) {
            return None;
        }
        let seen = host.seen_as_it_is();
        self.seen.push(seen);
        Some(seen.line(&self.config))
    }

    /// Offers an address that a TURN server has allocated for a connection from
    /// `socket`, and gives the line to signal. What is to be sent from it must go
    /// through the relay.
    pub fn add_local_relayed(&mut self, addr: SocketAddr, socket: SocketAddr) -> Option<String> {
        self.add_local(addr, Origin::Relayed { socket })
    }

    /// Offers to connect from `ip` over TCP (RFC 6544 §4.1), and gives the line to signal.
    pub fn add_local_active(&mut self, ip: IpAddr) -> Option<String> {
        self.add_local(SocketAddr::new(ip, ACTIVE_PORT), Origin::Active)
    }

    /// Offers the address of a TCP listener, and gives the line to signal.
    pub fn add_local_passive(&mut self, addr: SocketAddr) -> Option<String> {
        self.add_local(addr, Origin::Passive)
    }

    /// The TCP connection of `pair` has ended: if it was the selected pair, that is lost.
    pub fn connection_closed(&mut self, now: Instant, pair: Pair) {
        self.now = self.now.max(now);
        for generation in std::iter::once(&mut self.current).chain(self.previous.as_deref_mut()) {
            generation.forget(pair.source());
            generation.note_closed();
        }
        if !self.failed && self.selected_pair() == Some(pair) {
            self.lose();
        }
    }

    /// The relay that allocated `addr` is gone: nothing goes through it any more.
    pub fn remove_local_relayed(&mut self, addr: SocketAddr) {
        for generation in std::iter::once(&mut self.current).chain(self.previous.as_deref_mut()) {
            generation.remove_relayed(addr);
        }
        self.dirty = true;
        if self
            .selected_pair()
            .is_some_and(|pair| pair.local == addr && pair.transport == Transport::Udp)
        {
            self.lose();
        }
    }

    /// The addresses of this machine that its candidates leave by, some more than once.
    pub fn local_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let locals = self.current.locals().iter();
        let own = locals.filter(|local| local.kind() != CandidateKind::Relayed);
        own.map(|local| local.base().ip())
    }

    /// The machine has lost `address`: nothing leaves from there any more.
    pub fn remove_local_address(&mut self, address: IpAddr) {
        for generation in std::iter::once(&mut self.current).chain(self.previous.as_deref_mut()) {
            generation.remove_address(address);
        }
        self.seen.retain(|seen| seen.addr.ip() != address);
        self.dirty = true;
        let local = self.selected_pair().map(|pair| pair.local);
        let is_relayed = |addr| {
            let mut locals = self.current.locals().iter();
            locals.any(|local| local.addr == addr)
        };
        if local.is_some_and(|local| local.ip() == address && !is_relayed(local)) {
            self.lose();
        }
    }

    /// The address of the default candidate (RFC 8839 §4.2.1.2), the first over UDP that is told as an address, of
    /// loopback only if there is no other; a name is none, since legacy peers stumble over it.
    pub fn default_address(&self) -> Option<SocketAddr> {
        let locals = self.current.locals().iter().chain(&self.seen);
        let is_udp = |local: &&Local| local.transport() == Transport::Udp;
        let udp = locals.filter(|local| is_udp(local) && self.is_told(local));
        let told: Vec<SocketAddr> = udp.filter_map(|local| local.told(&self.config)).collect();
        let beyond = told.iter().find(|address| !address.ip().is_loopback());
        beyond.or(told.first()).copied()
    }

    fn add_local(&mut self, addr: SocketAddr, origin: Origin) -> Option<String> {
        let known = self.current.locals();
        let same =
            |local: &Local| local.addr == addr && local.origin.protocol() == origin.protocol();
        if !is_usable(addr) || known.iter().any(same) {
            return None;
        }
        let local = self.current.add_local(addr, origin)?;
        self.candidates_changed();
        self.is_told(&local).then(|| local.line(&self.config))
    }

    /// Whether the peer is told of a candidate: not of what it cannot reach beside announced addresses, nor of one
    /// address twice.
    fn is_told(&self, local: &Local) -> bool {
        let told = local.told(&self.config);
        let locals = self.current.locals().iter();
        let mut before = locals.take_while(|other| !other.is(local));
        let is_repeated = told.is_some()
            && before.any(|other| {
                other.origin.protocol() == local.origin.protocol()
                    && other.kind() == CandidateKind::Host
                    && other.told(&self.config) == told
            });
        !is_repeated && !self.is_outdone(local)
    }

    fn is_outdone(&self, local: &Local) -> bool {
        let rules = &self.config.announced;
        let is_announced = |other: &Local| {
            other.kind() == CandidateKind::Host && rule_for(rules, other.addr.ip()).is_some()
        };
        let is_private = local.kind() == CandidateKind::Host && outdo(rules, local.addr.ip());
        is_private && self.current.locals().iter().any(is_announced)
    }

    /// The lines of all local candidates that the peer is told of: host candidates first, else in the order they were
    /// added.
    pub fn local_candidates(&self) -> impl Iterator<Item = String> {
        let is_host = |local: &&Local| local.kind() == CandidateKind::Host;
        let locals = || self.current.locals().iter().chain(&self.seen);
        let hosts = locals().filter(is_host);
        let others = locals().filter(move |local| !is_host(local));
        let told = hosts.chain(others).filter(|local| self.is_told(local));
        told.map(|local| local.line(&self.config))
    }

    /// Refuses candidates of the peer's at these addresses, such as those for all of a network, instead of at earlier
    /// ones.
    pub fn bar(&mut self, addresses: &[IpAddr]) {
        self.barred = addresses.to_vec();
    }

    /// Takes a candidate of the peer, with or without `a=` before it.
    pub fn add_remote_candidate(&mut self, line: &str) -> Result<Accepted, CandidateError> {
        let candidate = match candidate::parse(line, self.config.component_id, self.config.tcp)? {
            Ok(candidate) => candidate,
            Err(reason) => {
                self.current.note_ignored(reason, None);
                return Ok(Accepted::Ignored(reason));
            }
        };
        if self.barred.contains(&candidate.addr().ip()) {
            let address = candidate.addr();
            return Err(CandidateError::Address { address });
        }
        if self.current.is_own(&candidate) {
            let address = Some(candidate.addr());
            self.current.note_ignored(Ignored::Own, address);
            return Ok(Accepted::Ignored(Ignored::Own));
        }
        let expected = self.current.remote().map(Credentials::ufrag);
        if candidate.ufrag().is_some() && expected.is_some() && candidate.ufrag() != expected {
            return Ok(Accepted::Ignored(Ignored::Generation));
        }
        let known = self.current.candidates();
        let same = |c: &is::Candidate| {
            c.addr() == candidate.addr()
                && c.kind() == candidate.kind()
                && c.proto() == candidate.proto()
        };
        if known.iter().any(same) {
            return Ok(Accepted::Known);
        }
        let max = self.config.max_remote_candidates;
        if known.len() >= max {
            return Err(CandidateError::TooMany { max });
        }
        self.current.add_candidate(candidate);
        self.candidates_changed();
        Ok(Accepted::New)
    }

    /// The peer has no more candidates (RFC 8838 §14): if it gave none at all,
    /// the time for finding a pair runs from now.
    pub fn set_end_of_candidates(&mut self) {
        self.end_of_candidates = true;
        self.dirty = true;
    }

    /// Takes the peer's credentials. Others than before mean that the peer has
    /// restarted: call [`Agent::restart`] first, and this afterwards.
    pub fn set_remote_credentials(&mut self, remote: Credentials) {
        if self.current.remote() != Some(&remote) {
            self.current.set_remote(remote);
            self.dirty = true;
            if self.selected.is_none() {
                self.deadline = None; // it runs anew
            }
        }
    }

    /// Whether the peer has shown that it uses the present credentials of both sides together.
    pub fn is_proven(&self) -> bool {
        self.current.is_proven()
    }

    /// A check could not be sent to `remote`, which may also be a server's address.
    pub fn note_unsent(&mut self, remote: SocketAddr, why: io::ErrorKind) {
        self.current.note_unsent(remote, why);
    }

    /// A datagram has come from `remote` to a socket of this agent's alone, and is for nobody here.
    pub fn note_stray(&mut self, remote: SocketAddr, datagram: Datagram<'_>) {
        self.current.note_stray(remote, datagram);
    }

    /// What is known of why there is no pair; little once there is one.
    #[cfg(test)]
    pub(super) fn current_evidence(&self) -> super::Evidence {
        self.current.evidence(std::time::Duration::ZERO)
    }

    /// Restarts ICE with new credentials (RFC 8445 §9). Local candidates, role
    /// and verified addresses stay; the peer's credentials and candidates must
    /// come anew; a selected pair stays in use until the new one stands.
    pub fn restart(&mut self, local: Credentials) {
        let mut next = Generation::new(&self.config, self.current.controlling(), local);
        for local in self.current.locals() {
            next.add_local(local.addr, local.origin);
        }
        let mut old = std::mem::replace(&mut self.current, next);
        old.calm();
        if self.selected.is_some() && self.previous.is_none() {
            self.previous = Some(Box::new(old));
        }
        self.end_of_candidates = false;
        self.deadline = None;
        self.tries = false;
        self.failed = false;
        self.dirty = true;
    }

    /// Handles a datagram that came to the local address of `pair` from its remote one,
    /// of whatever kind. Tells whether it was an authentic STUN message for this agent.
    pub fn handle_stun(&mut self, now: Instant, pair: Pair, datagram: Datagram<'_>) -> bool {
        self.now = self.now.max(now);
        if self.failed {
            return false;
        }
        if let Some(StunKind::Request { .. }) = datagram.stun()
            && !self
                .budget
                .take(self.now, self.verified.contains(pair.source()))
        {
            return false;
        }
        if let Some(ufrag) = self.current.named_by(datagram) {
            self.events.push_back(Event::PeerNamed(ufrag));
        }
        let (now, verified) = (self.now, &self.verified);
        let mut generations =
            std::iter::once(&mut self.current).chain(self.previous.as_deref_mut());
        let Some(heard) = generations.find_map(|g| g.handle(now, pair, datagram, verified)) else {
            return false;
        };
        if heard == Heard::Answer {
            let keep = self.selected.map(|selected| selected.pair.source());
            if let Touched::New { left } = self.verified.touch(pair.source(), keep) {
                let left = left.map(|(transport, remote)| Event::Unverified(transport, remote));
                self.events.extend(left);
                self.put_off_pruning();
            }
        }
        self.note_heard(pair, heard);
        self.take_changes();
        true
    }

    /// Whether the peer has proven to be at `remote`: that has answered a check of ours. Of more addresses than
    /// [`Config::max_sources`], those that answered last are remembered, and the selected one.
    pub fn is_verified(&self, transport: Transport, remote: SocketAddr) -> bool {
        self.verified.contains((transport, remote))
    }

    /// Whether the peer may be at `remote`, as it or an authentic check says; that may yet answer one of ours.
    pub fn expects(&self, transport: Transport, remote: SocketAddr) -> bool {
        let mut generations = std::iter::once(&self.current).chain(self.previous.as_deref());
        generations.any(|generation| generation.expects((transport, remote)))
    }

    /// Where application data goes; `None` before the first pair, and while
    /// there is no consent to send (RFC 7675).
    pub fn selected_pair(&self) -> Option<Pair> {
        self.selected.map(|selected| selected.pair)
    }

    /// Takes the controlling role, which is a full side's where its peer is lite (RFC 8445 §6.1.1).
    pub fn take_control(&mut self) {
        self.current.take_control();
        self.dirty = true;
    }

    /// Whether this side now has the controlling role.
    pub fn controlling(&self) -> bool {
        self.current.controlling()
    }

    /// The credentials to signal: those of the latest restart.
    pub fn local_credentials(&self) -> &Credentials {
        self.current.local()
    }

    /// The ufrags by which requests for this agent are told on a shared socket:
    /// after a restart both, until the new pair stands.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        let generations = std::iter::once(&self.current).chain(self.previous.as_deref());
        generations.map(|generation| generation.local().ufrag())
    }

    /// The next STUN message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let verified = &self.verified;
        let mut generations =
            std::iter::once(&mut self.current).chain(self.previous.as_deref_mut());
        let transmit = generations.find_map(|generation| generation.poll_transmit(verified))?;
        self.note_sent(&transmit);
        Some(transmit)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        take_front(&mut self.events)
    }

    fn candidates_changed(&mut self) {
        self.dirty = true;
        self.put_off_pruning();
    }

    fn put_off_pruning(&mut self) {
        if let Some(selected) = &mut self.selected {
            selected.put_off_pruning(self.now);
        }
    }
}
