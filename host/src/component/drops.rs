//! What a component drops, counted and told of.
use super::drop_counter::DropCounter;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a datagram of the peer's, or a packet of the handshake's, was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It came during a call into the plugin, or before one that waited, and there was no room for it to wait.
    NoRoom,
    /// The peer's parameters were not known, and newer ones took its place.
    PeerUnknown,
    /// The handshake was in progress, and this first byte is not in the plugin's map (`hc.classify/1`).
    FirstByte(u8),
    /// The handshake was in progress, and the plugin's `is_handshake` did not take it for one of its own.
    NotHandshake,
    /// It waited for READY, and there was no room for all that did.
    TooEarly,
    /// Its source has not proven to be the peer's.
    Unverified,
    /// It came before its source had proven to be the peer's, and there was no room for all that did.
    Ahead,
    /// The system, or a connection to the peer, did not take it.
    Unsent,
    /// It was for a relay, whose connection did not take it.
    SlowRelay,
    /// The component has ended.
    Ended,
}

impl Cause {
    /// All that [`kind`](Self::kind) returns.
    pub const KINDS: [&str; 9] = [
        "no_room",
        "peer_unknown",
        "first_byte",
        "not_handshake",
        "too_early",
        "unverified",
        "unsent",
        "slow_relay",
        "ended",
    ];

    /// For programs. What came [ahead](Self::Ahead) is as good as unverified.
    pub fn kind(self) -> &'static str {
        match self {
            Self::NoRoom => "no_room",
            Self::PeerUnknown => "peer_unknown",
            Self::FirstByte(_) => "first_byte",
            Self::NotHandshake => "not_handshake",
            Self::TooEarly => "too_early",
            Self::Unverified | Self::Ahead => "unverified",
            Self::Unsent => "unsent",
            Self::SlowRelay => "slow_relay",
            Self::Ended => "ended",
        }
    }

    /// Why, in a few words.
    pub fn words(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoRoom => "no room while a call into the plugin was under way",
            Self::PeerUnknown => "the peer's parameters were not known",
            Self::FirstByte(first) => {
                return Cow::Owned(format!(
                    "first byte {first:#04x}: not in hc.classify/1's map"
                ));
            }
            Self::NotHandshake => "not the handshake's, says hc.classify/1's is_handshake",
            Self::TooEarly => "no room before READY",
            Self::Unverified => "not from an address of the peer's",
            Self::Ahead => "no room before its address had answered a check",
            Self::Unsent => "it was not sent",
            Self::SlowRelay => "its relay did not take it",
            Self::Ended => "the component had ended",
        })
    }

    /// What the operator is told of so many; nothing of what anybody can send, or what comes after the end.
    fn sentence(self, count: u64) -> Option<String> {
        let (noun, were, them) = match count {
            1 => ("datagram", "was", "it"),
            _ => ("datagrams", "were", "them"),
        };
        Some(match self {
            Self::NoRoom => format!(
                "{count} {noun} of the peer's {were} dropped: a call into the plugin was under way, and what waited \
                 for its end left no room"
            ),
            Self::PeerUnknown => format!(
                "{count} {noun} of the peer's {were} dropped before its parameters were known: give them sooner"
            ),
            Self::FirstByte(_) | Self::NotHandshake => format!(
                "{count} {noun} of the peer's {were} dropped while the handshake was in progress: {}",
                self.words()
            ),
            Self::TooEarly => format!(
                "{count} {noun} of the handshake's {were} dropped: there was no room for all that waited for READY"
            ),
            Self::Ahead => format!(
                "{count} {noun} of the peer's {were} dropped: more came before its address had answered a check than \
                 can wait"
            ),
            Self::Unsent => format!(
                "{count} {noun} of the handshake's {were} not sent: the system, or the connection to the peer, did \
                 not take {them}"
            ),
            Self::SlowRelay => format!(
                "{count} {noun} {were} not sent: the connection to a relay is slower than what is sent through it"
            ),
            Self::Unverified | Self::Ended => return None,
        })
    }
}

/// What a component has dropped.
#[derive(Debug, Default)]
pub(super) struct Drops {
    total: Counts,
    untold: Counts,
    told: Option<Instant>,
    /// When to tell of what is untold.
    due: Option<Instant>,
    /// Those of all components.
    counter: Arc<DropCounter>,
}

#[derive(Debug, Default)]
struct Counts(BTreeMap<Cause, u64>);

/// How long after the first one the operator is told: most of a flight is lost within it.
const COLLECT: Duration = Duration::from_secs(1);
/// Most reasons in a message: a peer can send any first byte.
const TOLD: usize = 4;
/// How often the operator is told at most.
const EVERY: Duration = Duration::from_secs(10);

impl Counts {
    fn sentences(&self) -> Option<String> {
        let counts = self.0.iter();
        let mut counts: Vec<_> = counts
            .filter_map(|(cause, count)| Some((*count, cause.sentence(*count)?)))
            .collect();
        if counts.len() > TOLD {
            counts.sort_by_key(|(count, _)| Reverse(*count));
        }
        let (told, others) = counts.split_at(counts.len().min(TOLD));
        let mut sentences: Vec<_> = told.iter().map(|(_, sentence)| sentence.clone()).collect();
        if !others.is_empty() {
            let others: u64 = others.iter().map(|(count, _)| count).sum();
            sentences.push(format!("{others} more for other reasons"));
        }
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    fn add(&mut self, cause: Cause) {
        *self.0.entry(cause).or_default() += 1;
    }
}

impl Drops {
    /// None yet; this counts them as well.
    pub(super) fn new(counter: Arc<DropCounter>) -> Self {
        Self {
            counter,
            ..Self::default()
        }
    }

    /// One more, at `now`.
    pub(super) fn note(&mut self, now: Instant, cause: Cause) {
        self.counter.add(cause);
        self.take_note(now, cause);
    }

    fn take_note(&mut self, now: Instant, cause: Cause) {
        self.total.add(cause);
        self.untold.add(cause);
        if self.due.is_none() && cause.sentence(1).is_some() {
            let earliest = self.told.map_or(now, |told| told + EVERY);
            self.due = Some(earliest.max(now + COLLECT));
        }
    }

    /// So many that seemed to be anybody's were the peer's: they had come [ahead](Cause::Ahead).
    pub(super) fn note_ahead(&mut self, now: Instant, count: u64) {
        let anybodys = self.total.0.entry(Cause::Unverified).or_default();
        *anybodys = anybodys.saturating_sub(count);
        for _ in 0..count {
            self.take_note(now, Cause::Ahead); // counted when it was dropped
        }
    }

    /// All there were.
    pub(super) fn total(&self) -> u64 {
        self.total.0.values().sum()
    }

    /// What was dropped since the beginning that the operator has to know of.
    pub(super) fn sentences(&self) -> Option<String> {
        self.total.sentences()
    }

    /// When to call [`tell`](Self::tell).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// What the operator has not been told, if it is time: each drop is told once.
    pub(super) fn tell(&mut self, now: Instant) -> Option<String> {
        self.due.take_if(|due| *due <= now)?;
        self.told = Some(now);
        std::mem::take(&mut self.untold).sentences()
    }

    /// What the operator has not been told, at the end.
    pub(super) fn tell_all(&mut self) -> Option<String> {
        self.due.take()?;
        std::mem::take(&mut self.untold).sentences()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_drop_is_told_once_and_not_too_often() {
        let (mut drops, start) = (Drops::default(), Instant::now());
        for _ in 0..3 {
            drops.note(start, Cause::NoRoom);
        }
        assert_eq!(drops.tell(start), None);
        let due = drops.poll_timeout().expect("there is something to tell");
        assert_eq!(due, start + COLLECT);
        let told = drops.tell(due).expect("it is time");
        assert!(
            told.starts_with("3 datagrams of the peer's were dropped"),
            "{told}"
        );
        assert_eq!((drops.tell(due), drops.poll_timeout()), (None, None));
        drops.note(due, Cause::PeerUnknown);
        assert_eq!(drops.poll_timeout(), Some(due + EVERY));
        let last = drops.tell_all().expect("one is untold");
        assert!(
            last.starts_with("1 datagram of the peer's was dropped"),
            "{last}"
        );
        assert_eq!((drops.tell_all(), drops.total()), (None, 4));
    }

    #[test]
    fn a_message_has_few_reasons_the_most_frequent_first() {
        let (mut drops, now) = (Drops::default(), Instant::now());
        for first in 0..=u8::MAX {
            drops.note(now, Cause::FirstByte(first));
        }
        drops.note(now, Cause::FirstByte(0x16));
        let told = drops.sentences().expect("there is something to tell");
        let first = "2 datagrams of the peer's were dropped while the handshake was in progress: first byte 0x16: \
                     not in hc.classify/1's map; ";
        assert!(told.starts_with(first), "{told}");
        assert!(told.ends_with("; 252 more for other reasons"), "{told}");
        assert_eq!(drops.total(), 257);
    }

    #[test]
    fn what_anybody_can_send_is_counted_only() {
        let (mut drops, now) = (Drops::default(), Instant::now());
        drops.note(now, Cause::Unverified);
        drops.note(now, Cause::Ended);
        assert_eq!((drops.poll_timeout(), drops.sentences()), (None, None));
        assert_eq!(drops.total(), 2);
    }

    #[test]
    fn what_turns_out_to_be_the_peers_is_told_and_counted_once() {
        let (mut drops, now) = (Drops::default(), Instant::now());
        for _ in 0..5 {
            drops.note(now, Cause::Unverified);
        }
        drops.note_ahead(now, 3);
        assert_eq!(drops.total(), 5);
        let told = drops.tell_all().expect("three are the peer's");
        assert!(
            told.starts_with("3 datagrams of the peer's were dropped: more came before"),
            "{told}"
        );
    }
}
