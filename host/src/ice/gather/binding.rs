//! What a STUN server sees of a socket, and the NAT mapping kept open (RFC 8489 §6.2.1,
//! RFC 8445 §5.1.1.4).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_proto::types::attribute::XorMappedAddress;
use stun_proto::types::message::{
    BINDING, Message, MessageClass, MessageWrite as _, MessageWriteExt as _, MessageWriteVec,
};

use crate::ice::{StunKind, TransactionId, stun_kind};

/// First interval between two transmissions of a request (RFC 8489 §6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// Transmissions of a request: RFC 8489's Rc.
const ATTEMPTS: u32 = 7;
/// How long to wait after the last one: RFC 8489's Rm times RTO.
const LAST_WAIT: Duration = Duration::from_secs(8);
/// Between an answer and the next request (RFC 8445 §11).
pub(super) const KEEPALIVE: Duration = Duration::from_secs(15);

/// A client of one STUN server on one socket.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) base: SocketAddr,
    pub(super) server: SocketAddr,
    state: State,
    mapped: Option<SocketAddr>,
    /// Between an answer and the next request.
    keepalive: Duration,
}

#[derive(Debug)]
enum State {
    /// A request leaves at that time.
    Idle(Instant),
    Asking(Request),
    /// The server has never answered and is not asked again.
    Dead,
    /// It has answered with an error: asking again would bring the same.
    Refused,
}

#[derive(Debug)]
struct Request {
    transaction: TransactionId,
    bytes: Vec<u8>,
    sent: u32,
    next: Instant,
}

impl Binding {
    /// The first request leaves at `start`.
    pub(super) fn new(base: SocketAddr, server: SocketAddr, start: Instant) -> Self {
        Self::with_keepalive(base, server, start, KEEPALIVE)
    }

    /// With so long between an answer and the next request.
    pub(super) fn with_keepalive(
        base: SocketAddr,
        server: SocketAddr,
        start: Instant,
        keepalive: Duration,
    ) -> Self {
        Self {
            base,
            server,
            state: State::Idle(start),
            mapped: None,
            keepalive,
        }
    }

    /// Whether it is known what the server sees, or that it does not answer.
    pub(super) fn is_settled(&self) -> bool {
        self.mapped.is_some() || self.has_failed()
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, State::Dead | State::Refused)
    }

    pub(super) fn has_answered(&self) -> bool {
        self.mapped.is_some() || matches!(self.state, State::Refused)
    }

    /// Whether the server has been asked more than once and never answered.
    pub(super) fn is_unheard(&self) -> bool {
        let is_asked_again = match &self.state {
            State::Asking(request) => request.sent > 1,
            State::Dead => true,
            State::Idle(_) | State::Refused => false,
        };
        is_asked_again && !self.has_answered()
    }

    /// Whether a server that has answered before is silent now.
    pub(super) fn is_overdue(&self) -> bool {
        let is_last = |request: &Request| request.sent >= ATTEMPTS - 1;
        matches!(&self.state, State::Asking(request) if is_last(request)) && self.mapped.is_some()
    }

    /// Other datagrams show that the server is there and keep the mapping open: the next request
    /// is put off.
    pub(super) fn rest(&mut self, now: Instant) {
        if self.mapped.is_some() {
            self.state = State::Idle(now + self.keepalive);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle(at) => Some(*at),
            State::Asking(request) => Some(request.next),
            State::Dead | State::Refused => None,
        }
    }

    /// What to send at `now`.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        if let State::Idle(at) = self.state {
            if now < at {
                return None;
            }
            self.state = State::Asking(Request::new(now));
        }
        let State::Asking(request) = &mut self.state else {
            return None;
        };
        if now < request.next {
            return None;
        }
        if request.sent == ATTEMPTS {
            self.state = match self.mapped {
                Some(_) => State::Idle(now), // it was there: perhaps it will be again
                None => State::Dead,
            };
            return None;
        }
        request.sent += 1;
        request.next = now
            + match request.sent {
                ATTEMPTS => LAST_WAIT,
                sent => RTO * 2_u32.pow(sent - 1),
            };
        Some(request.bytes.clone())
    }

    /// Whether a datagram of this kind answers the present request.
    pub(super) fn is_answer(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        kind: Option<StunKind<'_>>,
    ) -> bool {
        let State::Asking(request) = &self.state else {
            return false;
        };
        let transaction = request.transaction;
        (local, remote) == (self.base, self.server)
            && kind == Some(StunKind::Response { transaction })
    }

    /// Takes an [answer](Self::is_answer); gives the address it tells, if that is another than before.
    pub(super) fn handle_answer(&mut self, now: Instant, datagram: &[u8]) -> Option<SocketAddr> {
        let mapped = mapped_address(datagram);
        if mapped.is_none() && self.mapped.is_none() {
            self.state = State::Refused;
            return None;
        }
        self.state = State::Idle(now + self.keepalive);
        let changed = mapped.filter(|_| mapped != self.mapped);
        self.mapped = mapped.or(self.mapped);
        changed
    }
}

impl Request {
    fn new(now: Instant) -> Self {
        let mut message = Message::builder_request(BINDING, MessageWriteVec::with_capacity(28));
        message
            .add_fingerprint()
            .expect("a message without attributes takes one");
        let bytes = message.finish();
        let Some(StunKind::Request { transaction, .. }) = stun_kind(&bytes) else {
            unreachable!("it has just been written as a request");
        };
        Self {
            transaction,
            bytes,
            sent: 0,
            next: now,
        }
    }
}

/// What a binding success response tells.
fn mapped_address(datagram: &[u8]) -> Option<SocketAddr> {
    let message = Message::from_bytes(datagram).ok()?;
    if !(message.has_method(BINDING) && message.has_class(MessageClass::Success)) {
        return None;
    }
    let attribute = message.attribute::<XorMappedAddress>().ok()?;
    Some(attribute.addr(message.transaction_id()))
}
