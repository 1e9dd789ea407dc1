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

#[cfg(test)]
mod tests {
    use super::{Demux, PERIOD};
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    const RTP: (u64, u16) = (1, 1);
    const RTCP: (u64, u16) = (1, 2);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// A STUN message with that transaction and, if there is one, that USERNAME.
    fn stun(class: u8, transaction: u8, username: Option<&str>) -> Vec<u8> {
        let mut message = vec![class, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([transaction; 12]);
        if let Some(username) = username {
            message.extend([0, 6, 0, username.len() as u8]);
            message.extend(username.as_bytes());
            message.resize(message.len().next_multiple_of(4), 0);
        }
        message[3] = (message.len() - 20) as u8;
        message
    }

    #[test]
    fn requests_go_by_local_ufrag_wherever_they_come_from() {
        let mut demux = Demux::new();
        demux.add_ufrag("aaaa", RTP);
        demux.add_ufrag("bbbb", RTCP);
        assert_eq!(
            demux.route(address(1), &stun(0, 1, Some("aaaa:peer"))),
            Some(RTP)
        );
        assert_eq!(
            demux.route(address(1), &stun(0, 1, Some("bbbb:peer"))),
            Some(RTCP)
        );
        assert_eq!(
            demux.route(address(1), &stun(0, 1, Some("cccc:peer"))),
            None
        );
        assert_eq!(demux.route(address(1), &stun(0, 1, None)), None);
    }

    #[test]
    fn responses_go_to_whoever_asked() {
        let mut demux = Demux::new();
        let now = Instant::now();
        demux.note_sent(now, &stun(0, 7, Some("peer:aaaa")), RTP);
        demux.note_sent(now, &stun(0, 8, Some("peer:bbbb")), RTCP);
        assert_eq!(demux.route(address(1), &stun(1, 7, None)), Some(RTP));
        assert_eq!(demux.route(address(1), &stun(1, 8, None)), Some(RTCP));
        assert_eq!(demux.route(address(1), &stun(1, 9, None)), None);
    }

    #[test]
    fn transactions_are_forgotten_in_time_and_not_before() {
        let mut demux = Demux::new();
        let start = Instant::now();
        demux.note_sent(start, &stun(0, 7, None), RTP);
        demux.note_sent(start + PERIOD, &stun(0, 8, None), RTP);
        assert_eq!(demux.route(address(1), &stun(1, 7, None)), Some(RTP));
        demux.note_sent(
            start + PERIOD * 2 + Duration::from_secs(1),
            &stun(0, 9, None),
            RTP,
        );
        assert_eq!(demux.route(address(1), &stun(1, 7, None)), None);
        assert_eq!(demux.route(address(1), &stun(1, 8, None)), Some(RTP));
    }

    #[test]
    fn all_else_goes_by_validated_address_and_its_first_owner_keeps_it() {
        let mut demux = Demux::new();
        demux.add_address(address(1), RTP);
        demux.add_address(address(1), RTCP);
        demux.add_address(address(2), RTCP);
        assert_eq!(demux.route(address(1), b"\x80data"), Some(RTP));
        assert_eq!(demux.route(address(2), b"\x80data"), Some(RTCP));
        assert_eq!(demux.route(address(3), b"\x80data"), None);
    }

    #[test]
    fn a_component_that_leaves_takes_all_its_signs_with_it() {
        let mut demux = Demux::new();
        for (ufrag, port, key) in [("aaaa", 1, RTP), ("bbbb", 2, RTCP)] {
            demux.add_ufrag(ufrag, key);
            demux.add_address(address(port), key);
            demux.note_sent(Instant::now(), &stun(0, port as u8, None), key);
        }
        assert!(!demux.remove(RTP), "the other one is left");
        assert_eq!(demux.route(address(1), b"\x80"), None);
        assert_eq!(demux.route(address(1), &stun(1, 1, None)), None);
        assert_eq!(demux.route(address(1), &stun(0, 1, Some("aaaa:p"))), None);
        assert_eq!(demux.route(address(2), b"\x80"), Some(RTCP));
        assert!(demux.remove(RTCP), "nobody is left");
    }
}
