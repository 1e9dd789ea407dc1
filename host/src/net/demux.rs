//! Which component of a socket's a datagram is for (RFC 7983; STUN as RFC 8445, section 7.3, needs it).
use crate::ice::{StunKind, TransactionId, stun_kind};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The components that share a socket, and the three signs by which their datagrams are known: a request by
/// the local ufrag in its USERNAME, a response by the transaction it answers, all else by an address that
/// ICE has validated.
#[derive(Debug)]
pub(super) struct Demux<Key> {
    by_ufrag: HashMap<Box<str>, Key>,
    by_address: HashMap<SocketAddr, Key>,
    /// Outgoing requests: those of the present period and of the one before.
    transactions: [HashMap<TransactionId, Key>; 2],
    turned: Option<Instant>,
}

/// Longer than any STUN transaction lasts.
const PERIOD: Duration = Duration::from_secs(40);

impl<Key: Copy + PartialEq> Demux<Key> {
    pub(super) fn new() -> Self {
        Self {
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            transactions: [HashMap::new(), HashMap::new()],
            turned: None,
        }
    }

    /// Requests with this local ufrag are this component's from now on; also those with an older one, while
    /// a restart is under way.
    pub(super) fn add_ufrag(&mut self, ufrag: &str, key: Key) {
        self.by_ufrag.insert(ufrag.into(), key);
    }

    /// ICE has validated the address. The first component to own it keeps it.
    pub(super) fn add_address(&mut self, address: SocketAddr, key: Key) {
        self.by_address.entry(address).or_insert(key);
    }

    /// A datagram leaves: if it is a STUN request, its response will be known.
    pub(super) fn note_sent(&mut self, now: Instant, datagram: &[u8], key: Key) {
        let Some(StunKind::Request { transaction, .. }) = stun_kind(datagram) else {
            return;
        };
        let turned = *self.turned.get_or_insert(now);
        if now >= turned + PERIOD {
            self.turned = Some(now);
            self.transactions.swap(0, 1);
            self.transactions[0].clear();
        }
        self.transactions[0].insert(transaction, key);
    }

    /// The component a datagram is for; `None` for a stranger's.
    pub(super) fn route(&self, remote: SocketAddr, datagram: &[u8]) -> Option<Key> {
        match stun_kind(datagram) {
            Some(StunKind::Request { local_ufrag, .. }) => self.by_ufrag.get(local_ufrag?).copied(),
            Some(StunKind::Response { transaction }) => self
                .transactions
                .iter()
                .find_map(|sent| sent.get(&transaction))
                .copied(),
            Some(StunKind::Indication) | None => self.by_address.get(&remote).copied(),
        }
    }

    /// Forgets a component. Returns whether the socket has none left.
    pub(super) fn remove(&mut self, key: Key) -> bool {
        self.by_ufrag.retain(|_, owner| *owner != key);
        self.by_address.retain(|_, owner| *owner != key);
        for sent in &mut self.transactions {
            sent.retain(|_, owner| *owner != key);
        }
        self.by_ufrag.is_empty()
    }
}
