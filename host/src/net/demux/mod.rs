//! Which component of a socket's a datagram is for (RFC 7983; STUN as RFC 8445, section 7.3, needs it).
mod directory;
#[cfg(test)]
mod tests;

pub(super) use directory::{Directory, SharedDemux, Stray};

use super::id_map::IdMap;
use super::keys::ComponentKey;
use crate::ice::{Budget, Pace, StunKind, TransactionId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The components that share a socket, and the three signs by which their datagrams are known: a request by
/// the local ufrag in its USERNAME, a response by the transaction it answers, all else by an address that
/// ICE has verified.
///
/// Which addresses are verified, ICE alone decides: each that it takes or gives up is told here. Such an address belongs
/// to one component: what another one's peer sends from there is dropped, requests and the answers to its checks too, or
/// two streams would share a 5-tuple and get each other's data. What a STUN server answers is nobody's but the asker's,
/// whoever claims its address. An address that has only sent checks is nobody's yet: those to whom it sent them may keep
/// what else it sends until they know.
///
/// Requests have a budget, each component's and that of all together, so that no peer, and no stranger who knows
/// ufrags, takes the time of the others: what is beyond it is nobody's, which costs least here.
#[derive(Debug)]
pub(super) struct Demux {
    by_ufrag: HashMap<Box<str>, ComponentKey>,
    by_address: HashMap<SocketAddr, ComponentKey>,
    /// Who waits for the address to answer a check.
    expected: HashMap<SocketAddr, Vec<ComponentKey>>,
    members: IdMap<ComponentKey, Box<Signs>>,
    /// Outgoing requests: those of the present period and of the one before.
    transactions: [HashMap<TransactionId, Asked>; 2],
    turned: Option<Instant>,
    /// How many periods have passed.
    period: u64,
    /// Requests to all components from addresses that are not known to be their peers'.
    unverified: Pace,
}

/// What a component is found by, so that it can be forgotten without a look at all the others.
#[derive(Debug, Default)]
struct Signs {
    ufrags: Vec<Box<str>>,
    addresses: Vec<SocketAddr>,
    expected: Vec<SocketAddr>,
    /// Its outgoing requests of the period with this number and of the one before.
    transactions: [Vec<TransactionId>; 2],
    period: u64,
    budget: Budget,
}

impl Signs {
    fn note_sent(&mut self, transaction: TransactionId, period: u64) {
        let [present, before] = &mut self.transactions;
        match period.saturating_sub(self.period) {
            0 => {}
            1 => {
                std::mem::swap(present, before);
                present.clear();
            }
            _ => {
                present.clear();
                before.clear();
            }
        }
        self.period = period;
        present.push(transaction);
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
struct Asked {
    key: ComponentKey,
    /// Whether it is a check of ICE's, which has a USERNAME, and not a request to a STUN server, which has none.
    is_check: bool,
}

/// Longer than any STUN transaction lasts.
const PERIOD: Duration = Duration::from_secs(40);
/// Most addresses that a component waits for, and most components that wait for one.
const MAX_EXPECTED: usize = 8;
/// How often a request from an address that is not known is looked at, and how many at once: what thousands of peers
/// bring that connect at one time. One that is left out is sent again.
const UNVERIFIED: Duration = Duration::from_micros(100);
const UNVERIFIED_AT_ONCE: u32 = 8_000;

impl Demux {
    pub(super) fn new() -> Self {
        Self::for_loops(1)
    }

    /// For a port that so many event loops take from: each of them has time for as many requests.
    fn for_loops(loops: u32) -> Self {
        Self {
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            expected: HashMap::new(),
            members: IdMap::default(),
            transactions: [HashMap::new(), HashMap::new()],
            turned: None,
            period: 0,
            unverified: Pace::new(UNVERIFIED / loops, UNVERIFIED_AT_ONCE.saturating_mul(loops)),
        }
    }

    /// Requests with these local ufrags, and no others, are this component's from now on.
    pub(super) fn set_ufrags<'a>(
        &mut self,
        ufrags: impl Iterator<Item = &'a str>,
        key: ComponentKey,
    ) {
        let signs = self.members.entry(key).or_default();
        for old in signs.ufrags.drain(..) {
            self.by_ufrag.remove(&old);
        }
        for ufrag in ufrags {
            signs.ufrags.push(ufrag.into());
            self.by_ufrag.insert(ufrag.into(), key);
        }
    }

    /// An authentic check has come from the address, which has yet to answer one.
    pub(super) fn expect(&mut self, address: SocketAddr, key: ComponentKey) {
        if self.by_address.contains_key(&address) {
            return;
        }
        let keys = self.expected.entry(address).or_default();
        if keys.contains(&key) {
            return;
        }
        keys.push(key);
        let crowded_out = (keys.len() > MAX_EXPECTED).then(|| keys.remove(0));
        if let Some(signs) = crowded_out.and_then(|key| self.members.get_mut(&key)) {
            signs.expected.retain(|known| *known != address);
        }
        let expected = &mut self.members.entry(key).or_default().expected;
        expected.push(address);
        if expected.len() > MAX_EXPECTED {
            let oldest = expected.remove(0);
            self.unexpect(oldest, key);
        }
    }

    fn unexpect(&mut self, address: SocketAddr, key: ComponentKey) {
        if let Entry::Occupied(mut keys) = self.expected.entry(address) {
            keys.get_mut().retain(|known| *known != key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    /// Those that may keep a datagram of this kind which is nobody's yet.
    pub(super) fn expecting(
        &self,
        remote: SocketAddr,
        kind: Option<StunKind<'_>>,
    ) -> Vec<ComponentKey> {
        match (self.expected.get(&remote), kind) {
            (Some(keys), None) => keys.clone(),
            _ => Vec::new(),
        }
    }

    /// The component's ICE takes the address for its peer's. The first component to own it keeps it until its ICE
    /// [gives it up](Self::remove_address).
    pub(super) fn add_address(&mut self, address: SocketAddr, key: ComponentKey) {
        let Entry::Vacant(vacant) = self.by_address.entry(address) else {
            return;
        };
        vacant.insert(key);
        for key in self.expected.remove(&address).unwrap_or_default() {
            if let Some(signs) = self.members.get_mut(&key) {
                signs.expected.retain(|known| *known != address);
            }
        }
        let signs = self.members.entry(key).or_default();
        signs.addresses.push(address);
    }

    /// The component's ICE does not take the address for its peer's any more.
    pub(super) fn remove_address(&mut self, address: SocketAddr, key: ComponentKey) {
        if self.by_address.get(&address) == Some(&key) {
            self.by_address.remove(&address);
            if let Some(signs) = self.members.get_mut(&key) {
                signs.addresses.retain(|known| *known != address);
            }
        }
    }

    /// A STUN message leaves: if it is a request, its response will be known.
    pub(super) fn note_sent(&mut self, now: Instant, kind: StunKind<'_>, key: ComponentKey) {
        let StunKind::Request {
            transaction,
            local_ufrag,
        } = kind
        else {
            return;
        };
        let is_check = local_ufrag.is_some();
        let turned = *self.turned.get_or_insert(now);
        if now >= turned + PERIOD {
            self.turned = Some(now);
            self.period += 1;
            self.transactions.swap(0, 1);
            self.transactions[0].clear();
        }
        if let Some(signs) = self.members.get_mut(&key) {
            signs.note_sent(transaction, self.period);
        }
        self.transactions[0].insert(transaction, Asked { key, is_check });
    }

    /// The component a datagram of this kind is for; `None` for a stranger's, and for a request beyond the budget.
    pub(super) fn route(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        kind: Option<StunKind<'_>>,
    ) -> Option<ComponentKey> {
        let key = self.find(remote, kind)?;
        let is_free = !matches!(kind, Some(StunKind::Request { .. }));
        (is_free || self.spend(now, remote, key)).then_some(key)
    }

    /// The same, whatever the budget has.
    fn find(&self, remote: SocketAddr, kind: Option<StunKind<'_>>) -> Option<ComponentKey> {
        match kind {
            Some(StunKind::Request { local_ufrag, .. }) => {
                let key = *self.by_ufrag.get(local_ufrag?)?;
                self.unless_anothers(remote, key)
            }
            Some(StunKind::Response { transaction }) => {
                let mut sent = self.transactions.iter();
                let asked = *sent.find_map(|sent| sent.get(&transaction))?;
                match asked.is_check {
                    true => self.unless_anothers(remote, asked.key),
                    false => Some(asked.key),
                }
            }
            Some(StunKind::Indication) | None => self.by_address.get(&remote).copied(),
        }
    }

    /// Takes a request to a component from the budgets; returns whether they had it.
    fn spend(&mut self, now: Instant, remote: SocketAddr, key: ComponentKey) -> bool {
        let is_verified = self.by_address.contains_key(&remote);
        let Some(signs) = self.members.get_mut(&key) else {
            return false;
        };
        // One component's excess takes nothing of what is for all.
        signs.budget.take(now, is_verified) && (is_verified || self.unverified.take(now))
    }

    fn unless_anothers(&self, remote: SocketAddr, key: ComponentKey) -> Option<ComponentKey> {
        let owner = self.by_address.get(&remote);
        if let Some(owner) = owner.filter(|owner| **owner != key) {
            tracing::debug!("ICE of {key:?} at {remote} is refused: {owner:?} has that 5-tuple");
            return None;
        }
        Some(key)
    }

    /// Whether an address is a peer's here, or a request is to a component here.
    fn knows(&self, remote: SocketAddr, kind: Option<StunKind<'_>>) -> bool {
        let is_request_to_one = || match kind {
            Some(StunKind::Request { local_ufrag, .. }) => {
                local_ufrag.is_some_and(|ufrag| self.by_ufrag.contains_key(ufrag))
            }
            _ => false,
        };
        self.by_address.contains_key(&remote) || is_request_to_one()
    }

    /// The component whose socket this is, if it is one's alone.
    pub(super) fn sole_component(&self) -> Option<ComponentKey> {
        let mut members = self.members.keys();
        let first = members.next();
        first.filter(|_| members.len() == 0).copied()
    }

    /// The addresses that a component's ICE takes for its peer's.
    fn addresses_of(&self, key: ComponentKey) -> &[SocketAddr] {
        let signs = self.members.get(&key);
        signs.map_or(&[], |signs| &signs.addresses)
    }

    /// Forgets a component. Returns whether the socket has none left.
    pub(super) fn remove(&mut self, key: ComponentKey) -> bool {
        let signs = self.members.remove(&key).unwrap_or_default();
        for ufrag in &signs.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for address in &signs.addresses {
            self.by_address.remove(address);
        }
        for address in signs.expected {
            self.unexpect(address, key);
        }
        for transaction in signs.transactions.iter().flatten() {
            for sent in &mut self.transactions {
                sent.remove(transaction);
            }
        }
        self.members.is_empty()
    }
}
