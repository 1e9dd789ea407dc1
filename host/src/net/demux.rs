//! Which component of a socket's a datagram is for (RFC 7983; STUN as RFC 8445, section 7.3, needs it).
use crate::ice::{Budget, Pace, StunKind, TransactionId, stun_kind};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The components that share a socket, and the three signs by which their datagrams are known: a request by
/// the local ufrag in its USERNAME, a response by the transaction it answers, all else by an address that
/// ICE has verified.
///
/// A verified address belongs to one component: what another one's peer sends from there is dropped, requests and the
/// answers to its checks too, or two streams would share a 5-tuple and get each other's data. What a STUN
/// server answers is nobody's but the asker's, whoever claims its address. An address that has only sent checks is
/// nobody's yet: those to whom it sent them may keep what else it sends until they know.
///
/// Requests have a budget, each component's and that of all together, so that no peer, and no stranger who knows
/// ufrags, takes the time of the others: what is beyond it is nobody's, which costs least here.
#[derive(Debug)]
pub(super) struct Demux<Key> {
    by_ufrag: HashMap<Box<str>, Key>,
    by_address: HashMap<SocketAddr, Key>,
    /// Who waits for the address to answer a check.
    expected: HashMap<SocketAddr, Vec<Key>>,
    members: HashMap<Key, Signs>,
    /// Outgoing requests: those of the present period and of the one before.
    transactions: [HashMap<TransactionId, Asked<Key>>; 2],
    turned: Option<Instant>,
    /// Requests to all components from addresses that are not known to be their peers'.
    unverified: Pace,
}

/// What a component is found by, so that it can be forgotten without a look at all the others.
#[derive(Debug, Default)]
struct Signs {
    ufrags: Vec<Box<str>>,
    addresses: Vec<SocketAddr>,
    expected: Vec<SocketAddr>,
    budget: Budget,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
struct Asked<Key> {
    key: Key,
    /// Whether it is a check of ICE's, which has a USERNAME, and not a request to a STUN server, which has none.
    is_check: bool,
}

/// Longer than any STUN transaction lasts.
const PERIOD: Duration = Duration::from_secs(40);
/// Most addresses of one component; more than ICE holds valid at a time.
const MAX_ADDRESSES: usize = 64;
/// Most addresses that a component waits for, and most components that wait for one.
const MAX_EXPECTED: usize = 8;
/// How often a request from an address that is not known is looked at, and how many at once: what thousands of peers
/// bring that connect at one time. One that is left out is sent again.
const UNVERIFIED: Duration = Duration::from_micros(100);
const UNVERIFIED_AT_ONCE: u32 = 8_000;

impl<Key: Copy + Debug + Eq + Hash> Demux<Key> {
    pub(super) fn new() -> Self {
        Self {
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            expected: HashMap::new(),
            members: HashMap::new(),
            transactions: [HashMap::new(), HashMap::new()],
            turned: None,
            unverified: Pace::new(UNVERIFIED, UNVERIFIED_AT_ONCE),
        }
    }

    /// Requests with these local ufrags, and no others, are this component's from now on.
    pub(super) fn set_ufrags<'a>(&mut self, ufrags: impl Iterator<Item = &'a str>, key: Key) {
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
    pub(super) fn expect(&mut self, address: SocketAddr, key: Key) {
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

    fn unexpect(&mut self, address: SocketAddr, key: Key) {
        if let Entry::Occupied(mut keys) = self.expected.entry(address) {
            keys.get_mut().retain(|known| *known != key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    /// Those that may keep a datagram which is nobody's yet.
    pub(super) fn expecting(&self, remote: SocketAddr, datagram: &[u8]) -> Vec<Key> {
        match (self.expected.get(&remote), stun_kind(datagram)) {
            (Some(keys), None) => keys.clone(),
            _ => Vec::new(),
        }
    }

    /// ICE has verified the address. The first component to own it keeps it. Of a component with very many,
    /// those leave that are valid no longer.
    pub(super) fn add_address(
        &mut self,
        address: SocketAddr,
        key: Key,
        is_valid: impl Fn(SocketAddr) -> bool,
    ) {
        let Entry::Vacant(vacant) = self.by_address.entry(address) else {
            return;
        };
        vacant.insert(key);
        for key in self.expected.remove(&address).unwrap_or_default() {
            if let Some(signs) = self.members.get_mut(&key) {
                signs.expected.retain(|known| *known != address);
            }
        }
        let addresses = &mut self.members.entry(key).or_default().addresses;
        addresses.push(address);
        if addresses.len() > MAX_ADDRESSES {
            addresses.retain(|address| {
                let stays = is_valid(*address);
                if !stays {
                    self.by_address.remove(address);
                }
                stays
            });
        }
    }

    /// A datagram leaves: if it is a STUN request, its response will be known.
    pub(super) fn note_sent(&mut self, now: Instant, datagram: &[u8], key: Key) {
        let Some(StunKind::Request {
            transaction,
            local_ufrag,
        }) = stun_kind(datagram)
        else {
            return;
        };
        let is_check = local_ufrag.is_some();
        let turned = *self.turned.get_or_insert(now);
        if now >= turned + PERIOD {
            self.turned = Some(now);
            self.transactions.swap(0, 1);
            self.transactions[0].clear();
        }
        self.transactions[0].insert(transaction, Asked { key, is_check });
    }

    /// The component a datagram is for; `None` for a stranger's, and for a request beyond the budget.
    pub(super) fn route(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Option<Key> {
        match stun_kind(datagram) {
            Some(StunKind::Request { local_ufrag, .. }) => {
                let key = *self.by_ufrag.get(local_ufrag?)?;
                let key = self.unless_anothers(remote, key)?;
                let is_verified = self.by_address.contains_key(&remote);
                let signs = self.members.get_mut(&key)?;
                // One component's excess takes nothing of what is for all.
                let is_looked_at = signs.budget.take(now, is_verified)
                    && (is_verified || self.unverified.take(now));
                is_looked_at.then_some(key)
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

    fn unless_anothers(&self, remote: SocketAddr, key: Key) -> Option<Key> {
        let owner = self.by_address.get(&remote);
        if let Some(owner) = owner.filter(|owner| **owner != key) {
            tracing::debug!("ICE of {key:?} at {remote} is refused: {owner:?} has that 5-tuple");
            return None;
        }
        Some(key)
    }

    /// The component whose socket this is, if it is one's alone.
    pub(super) fn sole_component(&self) -> Option<Key> {
        let mut members = self.members.keys();
        let first = members.next();
        first.filter(|_| members.len() == 0).copied()
    }

    /// Forgets a component; what it asked is forgotten in time. Returns whether the socket has none left.
    pub(super) fn remove(&mut self, key: Key) -> bool {
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
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Demux, MAX_ADDRESSES, MAX_EXPECTED, PERIOD, UNVERIFIED_AT_ONCE};
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
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.set_ufrags(["aaaa"].into_iter(), RTP);
        demux.set_ufrags(["bbbb"].into_iter(), RTCP);
        assert_eq!(
            demux.route(at, address(1), &stun(0, 1, Some("aaaa:peer"))),
            Some(RTP)
        );
        assert_eq!(
            demux.route(at, address(1), &stun(0, 1, Some("bbbb:peer"))),
            Some(RTCP)
        );
        assert_eq!(
            demux.route(at, address(1), &stun(0, 1, Some("cccc:peer"))),
            None
        );
        assert_eq!(demux.route(at, address(1), &stun(0, 1, None)), None);
    }

    #[test]
    fn after_a_restart_both_ufrags_count_and_later_the_new_one_alone() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        let request = |ufrag| stun(0, 1, Some(ufrag));
        demux.set_ufrags(["aaaa"].into_iter(), RTP);
        demux.set_ufrags(["bbbb", "aaaa"].into_iter(), RTP);
        assert_eq!(demux.route(at, address(1), &request("aaaa:p")), Some(RTP));
        assert_eq!(demux.route(at, address(1), &request("bbbb:p")), Some(RTP));
        demux.set_ufrags(["bbbb"].into_iter(), RTP);
        assert_eq!(demux.route(at, address(1), &request("aaaa:p")), None);
        assert_eq!(demux.route(at, address(1), &request("bbbb:p")), Some(RTP));
    }

    #[test]
    fn responses_go_to_whoever_asked() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        let now = Instant::now();
        demux.note_sent(now, &stun(0, 7, Some("peer:aaaa")), RTP);
        demux.note_sent(now, &stun(0, 8, Some("peer:bbbb")), RTCP);
        assert_eq!(demux.route(at, address(1), &stun(1, 7, None)), Some(RTP));
        assert_eq!(demux.route(at, address(1), &stun(1, 8, None)), Some(RTCP));
        assert_eq!(demux.route(at, address(1), &stun(1, 9, None)), None);
    }

    #[test]
    fn transactions_are_forgotten_in_time_and_not_before() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        let start = Instant::now();
        demux.note_sent(start, &stun(0, 7, None), RTP);
        demux.note_sent(start + PERIOD, &stun(0, 8, None), RTP);
        assert_eq!(demux.route(at, address(1), &stun(1, 7, None)), Some(RTP));
        demux.note_sent(
            start + PERIOD * 2 + Duration::from_secs(1),
            &stun(0, 9, None),
            RTP,
        );
        assert_eq!(demux.route(at, address(1), &stun(1, 7, None)), None);
        assert_eq!(demux.route(at, address(1), &stun(1, 8, None)), Some(RTP));
    }

    #[test]
    fn all_else_goes_by_verified_address_and_its_first_owner_keeps_it() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.add_address(address(1), RTP, |_| true);
        demux.add_address(address(1), RTCP, |_| true);
        demux.add_address(address(2), RTCP, |_| true);
        assert_eq!(demux.route(at, address(1), b"\x80data"), Some(RTP));
        assert_eq!(demux.route(at, address(2), b"\x80data"), Some(RTCP));
        assert_eq!(demux.route(at, address(3), b"\x80data"), None);
    }

    #[test]
    fn who_waits_for_an_address_owns_nothing_and_leaves_it_to_whoever_proves_it() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.set_ufrags(["bbbb"].into_iter(), RTCP);
        demux.expect(address(1), RTP);
        assert_eq!(demux.route(at, address(1), b"\x80data"), None);
        assert_eq!(demux.expecting(address(1), b"\x80data"), [RTP]);
        assert!(demux.expecting(address(1), &stun(0, 1, None)).is_empty());
        assert_eq!(
            demux.route(at, address(1), &stun(0, 1, Some("bbbb:p"))),
            Some(RTCP)
        );
        demux.expect(address(1), RTCP);
        assert_eq!(demux.expecting(address(1), b"\x80data"), [RTP, RTCP]);
        demux.add_address(address(1), RTCP, |_| true);
        assert_eq!(demux.route(at, address(1), b"\x80data"), Some(RTCP));
        demux.expect(address(1), RTP);
        assert!(demux.expecting(address(1), b"\x80data").is_empty());
    }

    #[test]
    fn what_is_waited_for_is_bounded_both_ways() {
        let mut demux = Demux::new();
        for number in 0..1000_u16 {
            demux.expect(address(number), RTP);
            demux.expect(address(7), (u64::from(number), 1));
        }
        assert_eq!(demux.expecting(address(7), b"\x80").len(), MAX_EXPECTED);
        assert_eq!(demux.expected.len(), MAX_EXPECTED + 1);
        for number in 0..1000 {
            demux.remove((number, 1));
        }
        demux.remove(RTP);
        assert!(demux.expected.is_empty());
    }

    #[test]
    fn a_component_that_leaves_takes_all_its_signs_with_it() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        for (ufrag, port, key) in [("aaaa", 1, RTP), ("bbbb", 2, RTCP)] {
            demux.set_ufrags([ufrag].into_iter(), key);
            demux.add_address(address(port), key, |_| true);
            demux.note_sent(Instant::now(), &stun(0, port as u8, None), key);
        }
        assert!(!demux.remove(RTP), "the other one is left");
        assert_eq!(demux.route(at, address(1), b"\x80"), None);
        assert_eq!(
            demux.route(at, address(1), &stun(0, 1, Some("aaaa:p"))),
            None
        );
        assert_eq!(demux.route(at, address(2), b"\x80"), Some(RTCP));
        assert!(demux.remove(RTCP), "nobody is left");
    }

    #[test]
    fn a_second_stream_on_an_owned_address_is_refused() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.set_ufrags(["aaaa"].into_iter(), RTP);
        demux.set_ufrags(["bbbb"].into_iter(), RTCP);
        demux.add_address(address(1), RTP, |_| true);
        let request = stun(0, 1, Some("bbbb:peer"));
        assert_eq!(demux.route(at, address(1), &request), None);
        assert_eq!(demux.route(at, address(2), &request), Some(RTCP));
        demux.remove(RTP);
        assert_eq!(
            demux.route(at, address(1), &request),
            Some(RTCP),
            "free again"
        );
    }

    #[test]
    fn answers_to_its_checks_are_refused_as_well() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.add_address(address(1), RTP, |_| true);
        demux.note_sent(Instant::now(), &stun(0, 7, Some("peer:aaaa")), RTP);
        demux.note_sent(Instant::now(), &stun(0, 8, Some("peer:bbbb")), RTCP);
        let answer = |transaction| stun(1, transaction, None);
        assert_eq!(
            demux.route(at, address(1), &answer(7)),
            Some(RTP),
            "the owner"
        );
        assert_eq!(demux.route(at, address(1), &answer(8)), None);
        assert_eq!(demux.route(at, address(2), &answer(8)), Some(RTCP));
        demux.remove(RTP);
        assert_eq!(
            demux.route(at, address(1), &answer(8)),
            Some(RTCP),
            "free again"
        );
    }

    #[test]
    fn a_server_answers_each_that_asked_it_even_if_a_peer_claims_its_address() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        let server = address(3478);
        for (transaction, key) in [(7, RTP), (8, RTCP)] {
            demux.note_sent(Instant::now(), &stun(0, transaction, None), key);
        }
        let answer = |transaction| stun(1, transaction, None);
        for _ in 0..2 {
            assert_eq!(demux.route(at, server, &answer(7)), Some(RTP));
            assert_eq!(demux.route(at, server, &answer(8)), Some(RTCP));
            demux.add_address(server, RTP, |_| true);
        }
    }

    #[test]
    fn addresses_without_end_leave_as_they_cease_to_be_valid() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        for port in 1..=2000 {
            let is_valid = |at: SocketAddr| at.port() == 1 || at.port() + 32 > port;
            demux.add_address(address(port), RTP, is_valid);
            assert!(demux.by_address.len() <= MAX_ADDRESSES);
        }
        assert_eq!(demux.route(at, address(1), b"\x80data"), Some(RTP));
        assert_eq!(demux.route(at, address(2000), b"\x80data"), Some(RTP));
        assert_eq!(demux.route(at, address(2), b"\x80data"), None);
    }

    #[test]
    fn one_components_flood_takes_nothing_of_the_others_time() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        demux.set_ufrags(["aaaa"].into_iter(), RTP);
        demux.set_ufrags(["bbbb"].into_iter(), RTCP);
        demux.add_address(address(1), RTP, |_| true);
        let request = |ufrag| stun(0, 1, Some(ufrag));
        let flood = (0..100_000_u32).filter(|number| {
            let from = address((number % 50_000) as u16 + 2);
            demux.route(at, from, &request("aaaa:p")).is_some()
        });
        assert_eq!(flood.count(), 200);
        assert_eq!(demux.route(at, address(1), &request("aaaa:p")), Some(RTP));
        assert_eq!(demux.route(at, address(2), &request("bbbb:p")), Some(RTCP));
        let flood = (0..100_000).filter(|_| {
            let from = demux.route(at, address(1), &request("aaaa:p"));
            from.is_some()
        });
        assert_eq!(flood.count(), 499);
        assert_eq!(demux.route(at, address(2), &request("bbbb:p")), Some(RTCP));
    }

    #[test]
    fn a_flood_to_all_components_leaves_those_that_are_verified_their_time() {
        let (mut demux, at) = (Demux::new(), Instant::now());
        let ufrags: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
        for (ufrag, number) in ufrags.iter().zip(0..) {
            demux.set_ufrags([&**ufrag].into_iter(), (number, 1));
        }
        demux.add_address(address(1), (7, 1), |_| true);
        let mut flood = |at| {
            let each = ufrags.iter().flat_map(|ufrag| [ufrag; 100]);
            let looked_at = each.filter(|ufrag| {
                let request = stun(0, 1, Some(&format!("{ufrag}:p")));
                demux.route(at, address(2), &request).is_some()
            });
            let looked_at = looked_at.count();
            let request = stun(0, 1, Some("0007:p"));
            assert_eq!(demux.route(at, address(1), &request), Some((7, 1)));
            looked_at
        };
        assert_eq!(flood(at), UNVERIFIED_AT_ONCE as usize);
        assert_eq!(flood(at + Duration::from_millis(500)), 5_000);
    }
}
