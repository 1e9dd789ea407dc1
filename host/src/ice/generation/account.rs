//! What is seen of the peer as long as there is no pair, for whoever asks why there is none.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use is::Protocol;
use stun_proto::types::attribute::ErrorCode;
use stun_proto::types::message::Message;

use super::{Generation, Heard, source_of};
use crate::ice::answers::credentials;
use crate::ice::evidence::{Checks, Evidence, Offer, PeerChecks, are_near};
use crate::ice::stun::{Datagram, StunKind, TransactionId};
use crate::ice::tcp::{self, transport};
use crate::ice::{Ignored, Pair, Transport};

/// Bounded, whatever comes.
#[derive(Debug, Default)]
pub(super) struct Account {
    checks: Checks,
    heard: PeerChecks,
    /// What the peer offered that is of no use.
    has_names: bool,
    has_unused_tcp: bool,
    own: Option<SocketAddr>,
}

impl Generation {
    /// There is a pair: nobody asks any more.
    pub(in crate::ice) fn close_account(&mut self) {
        self.account = None;
    }

    /// A check leaves.
    pub(super) fn note_sent(&mut self, pair: Pair) {
        if let Some(account) = &mut self.account {
            account.checks.note_sent(pair);
        }
    }

    /// The system did not take a check to `remote`; it may also have been a request to a server.
    pub(in crate::ice) fn note_unsent(&mut self, remote: SocketAddr, why: io::ErrorKind) {
        let is_peers = self.expects((Transport::Udp, remote));
        if let Some(account) = self.account.as_mut().filter(|_| is_peers) {
            account.checks.note_unsent(remote, why);
        }
    }

    /// A TCP connection of a pair has ended.
    pub(in crate::ice) fn note_closed(&mut self) {
        if let Some(account) = &mut self.account {
            account.checks.note_closed();
        }
    }

    /// A datagram has come that is for nobody: it may be a check for other credentials.
    pub(in crate::ice) fn note_stray(&mut self, from: SocketAddr, datagram: Datagram<'_>) {
        if let Some(StunKind::Request {
            local_ufrag: Some(named),
            ..
        }) = datagram.stun()
            && named != self.local.ufrag()
            && let Some(account) = &mut self.account
        {
            account.heard.note_foreign(from);
        }
    }

    /// A candidate of the peer's is of no use.
    pub(in crate::ice) fn note_ignored(&mut self, why: Ignored, address: Option<SocketAddr>) {
        let Some(account) = &mut self.account else {
            return;
        };
        match why {
            Ignored::HostName => account.has_names = true,
            Ignored::Transport => account.has_unused_tcp = true,
            Ignored::Own => account.own = address,
            Ignored::Kind | Ignored::Generation => {}
        }
    }

    /// A request has come, which this generation has taken or not.
    pub(super) fn note_request(
        &mut self,
        pair: Pair,
        datagram: Datagram<'_>,
        heard: Option<Heard>,
    ) {
        let Some(StunKind::Request { local_ufrag, .. }) = datagram.stun() else {
            return;
        };
        let Some(account) = &mut self.account else {
            return;
        };
        if local_ufrag != Some(self.local.ufrag()) {
            account.heard.note_foreign(pair.remote);
        } else if heard.is_some() {
            account.heard.note_authentic(pair);
        } else if is_signed(datagram.bytes(), self.local.pwd()) {
            account.heard.note_unknown(pair);
        } else {
            account.heard.note_forged(pair);
        }
    }

    /// A response to a check has come from elsewhere than where that went, or to none.
    pub(super) fn note_elsewhere(&mut self, transaction: TransactionId, pair: Pair) {
        let is_asked = self.transactions.contains(transaction);
        if let Some(account) = self.account.as_mut().filter(|_| is_asked) {
            account.checks.note_elsewhere(pair);
        }
    }

    /// A response to a check has come from where that went.
    pub(super) fn note_response(&mut self, pair: Pair, datagram: &[u8], heard: Option<Heard>) {
        let Some(account) = &mut self.account else {
            return;
        };
        if heard == Some(Heard::Answer) {
            return account.checks.note_answer(pair);
        }
        let pwd = self.remote.as_ref().map(|remote| remote.pwd());
        match (error_code(datagram), pwd) {
            (Some(code), _) => account.checks.note_error(code),
            (None, Some(pwd)) if !is_signed(datagram, pwd) => account.checks.note_unauthentic(),
            _ => {}
        }
    }

    /// All that is known, after so long without a pair.
    pub(in crate::ice) fn evidence(&self, waited: Duration) -> Evidence {
        let (mut local, mut remote) = (Offer::default(), Offer::default());
        let mut announced = None;
        for ours in &self.locals {
            let told = ours.told(&self.config).unwrap_or(ours.addr);
            local.add(ours.kind(), ours.transport(), told);
            announced = announced.or((told.ip() != ours.addr.ip()).then_some(told.ip()));
        }
        for theirs in &self.candidates {
            remote.add(theirs.kind(), source_of(theirs).0, theirs.addr());
        }
        let mut evidence = Evidence {
            waited,
            lite: self.config.lite,
            controlling: self.controlling(),
            has_credentials: self.remote.is_some(),
            local,
            remote,
            announced,
            over_udp: self.pairs_over(Protocol::Udp),
            over_tcp: self.pairs_over(tcp::ACTIVE) || self.pairs_over(tcp::PASSIVE),
            shares_transport: self.shares_transport(),
            shares_network: self.shares_network(),
            ..Evidence::default()
        };
        if let Some(account) = &self.account {
            evidence.remote.has_names = account.has_names;
            evidence.remote.has_unused_tcp = account.has_unused_tcp;
            evidence.remote.own = account.own;
            evidence.checks = account.checks.clone();
            evidence.heard = account.heard.clone();
        }
        evidence
    }

    fn pairs_over(&self, protocol: Protocol) -> bool {
        let mut locals = self.locals.iter();
        locals.any(|local| {
            let mut candidates = self.candidates.iter();
            local.origin.protocol() == protocol
                && candidates.any(|candidate| {
                    let is_of_family = candidate.addr().is_ipv4() == local.addr.is_ipv4();
                    candidate.proto() == protocol && is_of_family
                })
        })
    }

    fn shares_transport(&self) -> bool {
        let mut locals = self.locals.iter();
        locals.any(|local| {
            let mut candidates = self.candidates.iter();
            candidates.any(|candidate| candidate.proto() == local.origin.protocol())
        })
    }

    fn shares_network(&self) -> bool {
        let own = self.locals.iter().map(|local| local.base().ip());
        let mut own = own.filter(|own| self.locals.iter().any(|local| local.leaves_by(*own)));
        own.any(|own| {
            let mut candidates = self.candidates.iter();
            candidates.any(|candidate| {
                transport(candidate.proto()) == Transport::Udp
                    && are_near(own, candidate.addr().ip())
            })
        })
    }
}

/// Whether a message is signed with this password.
fn is_signed(message: &[u8], pwd: &str) -> bool {
    let message = Message::from_bytes(message);
    message.is_ok_and(|message| message.validate_integrity(&credentials(pwd)).is_ok())
}

/// The code of an answer that is an error, signed or not: a peer that knows no password cannot sign.
fn error_code(answer: &[u8]) -> Option<u16> {
    let message = Message::from_bytes(answer).ok()?;
    Some(message.attribute::<ErrorCode>().ok()?.code())
}
