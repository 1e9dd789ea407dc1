//! How the likeliest cause is told from the evidence: the first rule that holds names it.

#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::{Cause, Evidence, Scope};

/// A cause, and what must hold for it, where none of those before it holds.
type Rule = (Cause, fn(&Evidence) -> bool);

/// In this order: what signalling lacks; what cannot make a pair; what the peer says; what does not get through.
const RULES: [Rule; 31] = [
    (Cause::NoRelay, |e| e.local.total() == 0 && lacks_relay(e)),
    (Cause::NoLocalCandidate, |e| e.local.total() == 0),
    (Cause::NoCredentials, |e| !e.has_credentials),
    (Cause::SameAddress, |e| {
        is_unknown(e) && e.remote.own.is_some()
    }),
    (Cause::NoCommonTransport, |e| {
        is_unknown(e) && e.remote.has_unused_tcp
    }),
    (Cause::UnresolvedNames, |e| {
        is_unknown(e) && e.remote.has_names
    }),
    (Cause::OldCredentials, was_not_named),
    (Cause::WrongLocalPassword, |e| {
        e.heard.forged > 0 && e.heard.authentic == 0
    }),
    (Cause::NoRemoteCandidate, is_unknown),
    (Cause::NoCommonTransport, |e| {
        cannot_pair(e) && !e.shares_transport
    }),
    (Cause::NoCommonFamily, cannot_pair),
    (Cause::NotNominated, |e| e.checks.answered > 0),
    (Cause::WrongRemoteCredentials, |e| {
        let is_unknown = e.heard.unknown > 0 && e.heard.authentic == 0;
        is_unknown || e.checks.unauthentic > 0 || matches!(e.checks.code, Some(400 | 401))
    }),
    (Cause::Rejected, |e| e.checks.rejected > 0),
    (Cause::RoleConflict, |e| e.checks.conflicts > 0),
    (Cause::AnsweredElsewhere, |e| e.checks.elsewhere > 0),
    (Cause::Forbidden, |e| {
        e.checks.did_not_leave() && e.checks.unsent_for == Some(ErrorKind::PermissionDenied)
    }),
    (Cause::UnreachablePeer, |e| {
        is_of_one_machine(e.remote.narrow()) && !e.shares_network
    }),
    (Cause::WrongAnnounced, |e| {
        heard_nothing(e) && e.announced.is_some() && e.remote.is_narrow()
    }),
    (Cause::NoRelay, |e| heard_nothing(e) && lacks_relay(e)),
    (Cause::NoRoute, |e| e.checks.did_not_leave()),
    (Cause::OneWay, |e| e.heard.authentic > 0),
    (Cause::UnreachableHere, |e| {
        e.announced.is_none() && is_of_one_machine(e.local.narrow()) && !e.shares_network
    }),
    (Cause::WrongAnnounced, |e| e.announced.is_some()),
    (Cause::OnlyLocalRelay, |e| {
        e.local.relayed > 0 && e.remote.relayed == 0
    }),
    (Cause::OnlyRemoteRelay, |e| {
        e.remote.relayed > 0 && e.local.relayed == 0
    }),
    (Cause::UnreachablePeer, |e| {
        e.remote.is_narrow() && !e.shares_network
    }),
    (Cause::NobodyCame, |e| e.lite),
    (Cause::UdpBlocked, |e| e.over_udp),
    (Cause::TcpBlocked, |e| e.over_tcp),
    (Cause::UdpBlocked, |_| true),
];

/// The cause of the first rule that holds.
pub(super) fn likeliest(evidence: &Evidence) -> Cause {
    let rule = RULES.iter().find(|(_, holds)| holds(evidence));
    rule.map_or(Cause::UdpBlocked, |(cause, _)| *cause)
}

/// Whether nothing tells where the peer is.
fn is_unknown(e: &Evidence) -> bool {
    e.remote.total() == 0 && e.heard.authentic == 0
}

/// Whether checks came from where the peer is, as far as that is known, and none for this side's present credentials.
fn was_not_named(e: &Evidence) -> bool {
    let is_peers = |from: SocketAddr| {
        let mut known = e.remote.addresses.iter();
        e.remote.total() == 0 || known.any(|address| address.ip() == from.ip())
    };
    let is_named = e.heard.authentic > 0 || e.heard.forged > 0;
    !is_named && e.heard.foreign_from.iter().any(is_peers)
}

/// Whether no candidate of one side goes with one of the other's.
fn cannot_pair(e: &Evidence) -> bool {
    !e.over_udp && !e.over_tcp && e.heard.authentic == 0
}

/// Whether nothing has come of the peer's.
fn heard_nothing(e: &Evidence) -> bool {
    e.heard.authentic == 0 && e.checks.answered == 0
}

/// Whether a relay was wanted and is not there.
fn lacks_relay(e: &Evidence) -> bool {
    e.turn_servers > 0 && e.local.relayed == 0
}

/// Whether addresses of this scope never lead to another machine, or only to one on the same link.
fn is_of_one_machine(scope: Option<Scope>) -> bool {
    matches!(
        scope,
        Some(Scope::Docker | Scope::LinkLocal | Scope::Loopback)
    )
}
