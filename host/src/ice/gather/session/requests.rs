//! Requests to a TURN server, sent again until there is an answer.

use std::time::{Duration, Instant};

use stun_proto::types::message::{Message, TransactionId};

use super::message::Ask;

/// A request is sent again after `RTO`, which doubles up to `MAX_RTO`, and given up after 15.5 s:
/// RFC 8489 §6.2.1 proposes 39.5 s, longer than anybody waits for a connection.
const RTO: Duration = Duration::from_millis(500);
const MAX_RTO: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 6;
/// How long an answer over a stream may take, which sends again by itself.
const STREAM_WAIT: Duration = Duration::from_millis(15_500);
/// Most requests that are under way.
const MAX: usize = 64;

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    /// How often the nonce was stale, of this request and of those it repeats.
    pub(super) stale: u8,
    transaction: TransactionId,
    bytes: Vec<u8>,
    sent: u32,
    next: Instant,
}

#[derive(Debug)]
pub(super) struct Requests {
    under_way: Vec<Request>,
    is_stream: bool,
}

impl Requests {
    pub(super) fn new(is_stream: bool) -> Self {
        Self {
            under_way: Vec::new(),
            is_stream,
        }
    }

    /// Tells whether there is room for it. It leaves at `now`.
    pub(super) fn add(&mut self, now: Instant, ask: Ask, stale: u8, bytes: Vec<u8>) -> bool {
        let Ok(message) = Message::from_bytes(&bytes) else {
            return false;
        };
        let transaction = message.transaction_id();
        let has_room = self.under_way.len() < MAX;
        if has_room {
            self.under_way.push(Request {
                ask,
                stale,
                transaction,
                bytes,
                sent: 0,
                next: now,
            });
        }
        has_room
    }

    pub(super) fn is_under_way(&self, ask: Ask) -> bool {
        self.under_way.iter().any(|request| request.ask == ask)
    }

    /// Whether a response answers one of them.
    pub(super) fn knows(&self, response: &Message<'_>) -> bool {
        self.position(response).is_some()
    }

    /// The request that a response answers: it is under way no more.
    pub(super) fn take(&mut self, response: &Message<'_>) -> Option<Request> {
        let index = self.position(response)?;
        Some(self.under_way.remove(index))
    }

    fn position(&self, response: &Message<'_>) -> Option<usize> {
        let of = |request: &Request| {
            request.transaction == response.transaction_id()
                && response.has_method(request.ask.method())
        };
        self.under_way.iter().position(of)
    }

    /// What to send at `now`.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (attempts, wait) = match self.is_stream {
            true => (1, STREAM_WAIT),
            false => (ATTEMPTS, RTO),
        };
        let is_due = |request: &&mut Request| request.next <= now && request.sent < attempts;
        let request = self.under_way.iter_mut().find(is_due)?;
        let wait = wait * 2_u32.pow(request.sent);
        request.sent += 1;
        request.next = now
            + match self.is_stream {
                true => wait,
                false => wait.min(MAX_RTO),
            };
        Some(request.bytes.clone())
    }

    /// A request that was sent often enough, and is given up. Ask after [`poll_transmit`](Self::poll_transmit).
    pub(super) fn poll_unanswered(&mut self, now: Instant) -> Option<Ask> {
        let is_over = |request: &Request| request.next <= now;
        let index = self.under_way.iter().position(is_over)?;
        Some(self.under_way.remove(index).ask)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.iter().map(|request| request.next).min()
    }
}
