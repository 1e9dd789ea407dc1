//! Addresses that sent authentic checks without being signalled, and have not answered one of ours.

use std::time::{Duration, Instant};

use super::Source;

/// Most of them at a time: an honest peer brings one or two.
pub(super) const MAX_NEWCOMERS: usize = 8;
/// How long one stays that checks no more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one has its place before another may take it: time for an answer.
const STAY: Duration = Duration::from_secs(1);
/// Bytes that one is sent for each that came from it; QUIC has the same bound (RFC 9000 §8.1).
const AMPLIFICATION: usize = 3;

/// Whether so many bytes may go to who sent so many.
pub(super) fn pays(received: usize, sent: usize) -> bool {
    sent <= received.saturating_mul(AMPLIFICATION)
}

/// They are checked, with no more than their own bytes allow, and own nothing.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Vec<Newcomer>);

#[derive(Debug)]
struct Newcomer {
    source: Source,
    since: Instant,
    /// When the last check came.
    heard: Instant,
    /// Whether its check had come from elsewhere before.
    is_copy: bool,
    /// Bytes of checks.
    received: usize,
    /// Bytes of ours.
    sent: usize,
}

impl Newcomers {
    /// Whose place another can have: nobody's while there are free ones. `Err` if none is to be had.
    ///
    /// A check that has come from elsewhere before is a copy, or that one was: the first keeps its place.
    pub(super) fn place(&self, now: Instant, is_copy: bool) -> Result<Option<Source>, Refused> {
        if self.0.len() < MAX_NEWCOMERS {
            return Ok(None);
        }
        if is_copy {
            return Err(Refused);
        }
        let has_stayed = |newcomer: &&Newcomer| newcomer.is_copy || now >= newcomer.since + STAY;
        let rank = |newcomer: &&Newcomer| (!newcomer.is_copy, newcomer.since);
        let leaving = self.0.iter().filter(has_stayed).min_by_key(rank);
        leaving.map(|leaving| Some(leaving.source)).ok_or(Refused)
    }

    /// One more, for which there is a place.
    pub(super) fn insert(&mut self, now: Instant, source: Source, is_copy: bool) {
        self.0.push(Newcomer {
            source,
            since: now,
            heard: now,
            is_copy,
            received: 0,
            sent: 0,
        });
    }

    /// An authentic check has come from `source`.
    pub(super) fn credit(&mut self, now: Instant, source: Source, bytes: usize) {
        if let Some(newcomer) = self.find(source) {
            newcomer.heard = now;
            newcomer.received = newcomer.received.saturating_add(bytes);
        }
    }

    /// A copy of a check has come from `source`, which tells nothing of the peer.
    pub(super) fn credit_copy(&mut self, source: Source, bytes: usize) {
        if let Some(newcomer) = self.find(source) {
            newcomer.received = newcomer.received.saturating_add(bytes);
        }
    }

    /// Whether a datagram may go to `source`, which is then booked.
    pub(super) fn pays(&mut self, source: Source, bytes: usize) -> bool {
        let Some(newcomer) = self.find(source) else {
            return false;
        };
        let sent = newcomer.sent.saturating_add(bytes);
        let may = pays(newcomer.received, sent);
        if may {
            newcomer.sent = sent;
        }
        may
    }

    /// So many bytes have gone to `source` before.
    pub(super) fn note_sent(&mut self, source: Source, bytes: usize) {
        if let Some(newcomer) = self.find(source) {
            newcomer.sent = newcomer.sent.saturating_add(bytes);
        }
    }

    /// It has answered, or leaves.
    pub(super) fn remove(&mut self, source: Source) {
        self.0.retain(|newcomer| newcomer.source != source);
    }

    /// One that has been silent for too long.
    pub(super) fn silent(&self, now: Instant) -> Option<Source> {
        let is_silent = |newcomer: &&Newcomer| now >= newcomer.heard + PATIENCE;
        let silent = self.0.iter().find(is_silent);
        silent.map(|newcomer| newcomer.source)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn find(&mut self, source: Source) -> Option<&mut Newcomer> {
        self.0.iter_mut().find(|newcomer| newcomer.source == source)
    }
}

/// There is no place for another.
#[derive(Debug)]
pub(super) struct Refused;
