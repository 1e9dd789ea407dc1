//! The sentence that tells the evidence, its likeliest cause, and what to change.

use std::fmt;
use std::net::IpAddr;

use super::{Addresses, Cause, Evidence, Scope};
use crate::counted;

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        let advice = self.advice(cause);
        match cause {
            // Nothing was tried that could be told.
            Cause::NoLocalCandidate | Cause::NoCredentials => f.write_str(&advice),
            _ => write!(f, "{}: {advice}", self.seen()),
        }
    }
}

impl Evidence {
    /// What each side offered, what was checked, and what came.
    fn seen(&self) -> String {
        let (local, remote) = (&self.local, self.offered());
        let seconds = self.waited.as_secs_f32();
        let checks = &self.checks;
        if checks.sent == 0 {
            return format!(
                "in {seconds} s no check left, with {remote} of the peer's and {local} of ours, and {}",
                self.came()
            );
        }
        let mut answers = vec![match checks.answered {
            0 => "none was answered".to_owned(),
            count => format!("{} answered, by {}", were(count), checks.answered_by),
        }];
        if checks.unsent > 0 {
            let why = checks
                .unsent_for
                .map_or(String::new(), |why| format!(" ({why})"));
            answers.push(format!("{} did not leave{why}", checks.unsent));
        }
        for (count, what) in [
            (checks.rejected, "by an error"),
            (checks.conflicts, "by a role conflict (487)"),
            (checks.unauthentic, "with another password than the peer's"),
        ] {
            if count > 0 {
                let code = checks.code.filter(|_| what == "by an error");
                let code = code.map_or(String::new(), |code| format!(" {code}"));
                answers.push(format!("{} answered {what}{code}", were(count)));
            }
        }
        if checks.elsewhere > 0 {
            let (count, from) = (checks.elsewhere, checks.elsewhere_from);
            let answers_came = counted(count, "answer");
            answers.push(format!(
                "{answers_came} came from {from}, which was not asked"
            ));
        }
        if checks.closed > 0 {
            let connections = counted(checks.closed, "connection");
            answers.push(format!("{connections} over TCP ended"));
        }
        format!(
            "of {} in {seconds} s to the peer's {remote} from {local} of ours {}, and {}",
            counted(checks.sent, "check"),
            answers.join(", "),
            self.came()
        )
    }

    /// What the peer offered, with that which is of no use.
    fn offered(&self) -> String {
        let remote = &self.remote;
        let has = |is: bool, what: &'static str| is.then_some(what);
        let unused = [
            has(remote.has_names, "names"),
            has(remote.has_unused_tcp, "candidates over TCP"),
        ];
        let unused: Vec<_> = unused.into_iter().flatten().collect();
        match (remote.total(), unused.is_empty()) {
            (_, true) => remote.to_string(),
            (0, false) => unused.join(" and "),
            (_, false) => format!("{remote} and {}", unused.join(" and ")),
        }
    }

    /// Which checks of the peer's came.
    fn came(&self) -> String {
        let heard = &self.heard;
        let came = |count: u32, what: &str, from: Addresses| {
            (count > 0).then(|| format!("{count} of the peer's {what}came, from {from}"))
        };
        let all = [
            came(heard.authentic, "", heard.from),
            came(heard.forged, "with a wrong password ", heard.forged_from),
            came(
                heard.unknown,
                "with unknown credentials ",
                heard.unknown_from,
            ),
            came(heard.foreign, "for other credentials ", heard.foreign_from),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        match all.is_empty() {
            true => "none of the peer's came".to_owned(),
            false => all.join(" and "),
        }
    }

    /// The cause, and what to change.
    fn advice(&self, cause: Cause) -> String {
        let (local, remote) = (&self.local, &self.remote);
        let fixed = match cause {
            Cause::NoLocalCandidate => {
                "there is no local candidate, so gather on a network interface that is up (--interface, --address), or \
                 through a relay that answers (--turn)"
            }
            Cause::NoRelay => {
                "no TURN server of this side's gave a relay, so let one answer: see to its address, port and user \
                 (--turn), and that a firewall lets this machine reach it, or go there over TCP (?transport=tcp)"
            }
            Cause::NoCredentials => {
                let seconds = self.waited.as_secs_f32();
                let (came, from) = (self.heard.authentic, self.heard.from);
                let though = match came {
                    0 => String::new(),
                    1 => format!(", though a check has, from {from}"),
                    _ => format!(", though {came} checks have, from {from}"),
                };
                return format!(
                    "the peer's credentials have not come within {seconds} s{though}, so look at what carries them here \
                     (set_remote_credentials, parse_remote_sdp), or wait longer (init_timeout, ice_timeout)"
                );
            }
            Cause::NoRemoteCandidate => {
                "the peer gave no candidate that can be used, so look at what it signals (set_remote_candidate, \
                 parse_remote_sdp)"
            }
            Cause::UnresolvedNames => {
                "the peer gave names in the place of its addresses, and nobody on this side's networks knew them, so \
                 let it give addresses (without --hide-addresses; a browser gives them once it may use camera or \
                 microphone), or both a STUN or TURN server (--stun, --turn)"
            }
            Cause::SameAddress => {
                let own = remote.own.map_or(String::new(), |own| format!(", {own},"));
                return format!(
                    "the peer's only address{own} is this side's own as well, as with containers of two machines, so \
                     let it use another (--address, --interface) or announce its public one (--announce)"
                );
            }
            Cause::NoCommonFamily => {
                let [ours, theirs] = match local.ipv4 {
                    0 => ["IPv6", "IPv4"],
                    _ => ["IPv4", "IPv6"],
                };
                return format!(
                    "this side has only {ours} and the peer only {theirs}, so give one of them an address of the \
                     other's kind (--address, --interface, not --ipv4 or --ipv6), or a TURN server that has both \
                     (--turn)"
                );
            }
            Cause::NoCommonTransport => {
                "these make no pair, so let both sides use UDP, or one listen for TCP where the other connects (--tcp)"
            }
            Cause::WrongLocalPassword => {
                "the peer has another password of this side's than it has, so let signalling carry the latest \
                 local_credentials to it as they are"
            }
            Cause::WrongRemoteCredentials => {
                "the peer has other credentials than this side was given, so let signalling carry its latest credentials \
                 here as they are (set_remote_credentials, parse_remote_sdp)"
            }
            Cause::OldCredentials => {
                "the peer has other credentials of this side's than the present ones, so let signalling carry the latest \
                 local_credentials to it, after each restart as well"
            }
            Cause::Rejected => "the peer refuses to be checked, so see its log for the reason",
            Cause::RoleConflict => {
                "both sides claim one role, so let one of them be controlling (--controlling) and the other not"
            }
            Cause::NotNominated => match self.controlling {
                true => {
                    "the peer answers and no pair was agreed on in time, so allow more time (--ice-timeout), and see \
                     whether many datagrams are lost"
                }
                false => {
                    "the peer answers, but it controls and has chosen no pair, so see its log for what it lacks"
                }
            },
            Cause::AnsweredElsewhere => {
                return format!(
                    "the peer is at another address than it says, so let it announce {} (--announce), or both use a \
                     STUN or TURN server (--stun, --turn)",
                    of_one(self.checks.elsewhere_from, "that one")
                );
            }
            Cause::OneWay => {
                return format!(
                    "what leaves here does not reach the peer, or its answers do not come back, so let the firewalls of \
                     both sides pass UDP to and from {}, or use a TURN server (--turn); or this side was given a wrong \
                     password of the peer's",
                    of_one(self.heard.from, "there")
                );
            }
            Cause::Forbidden => {
                return format!(
                    "a firewall of this machine forbids it, so let UDP leave for {}, or use a TURN server (--turn)",
                    self.checks.unsent_to
                );
            }
            Cause::NoRoute => {
                return format!(
                    "this machine has no route to {}, so add one, use an interface that has one (--interface, \
                     --address), or a TURN server (--turn)",
                    self.checks.unsent_to
                );
            }
            Cause::UnreachablePeer => {
                return format!(
                    "the peer's {} and of no network of this side's, so let it use another interface (--interface, \
                     --address) or announce its public address (--announce), or both a STUN or TURN server (--stun, \
                     --turn)",
                    narrow(remote.addresses, remote.narrow())
                );
            }
            Cause::UnreachableHere => {
                return format!(
                    "this side's {} and of no network of the peer's, so use another interface (--interface, --address), \
                     or announce the address from which ports are forwarded here (--announce, --port-range)",
                    narrow(local.addresses, local.narrow())
                );
            }
            Cause::WrongAnnounced => {
                let announced = self.announced.map_or(String::new(), |it| it.to_string());
                let scope = self
                    .announced
                    .map(Scope::of)
                    .filter(|it| *it != Scope::Public);
                let is = scope.map_or(String::new(), |it| format!(", which is {}", it.words()));
                return format!(
                    "nobody came to the announced address {announced}{is}, so announce the one that leads here \
                     (--announce), with the UDP ports of --port-range forwarded to this machine and open in its firewall"
                );
            }
            Cause::OnlyLocalRelay => {
                return format!(
                    "only this side has a relay, {}, and the peer does not reach it, so open UDP from the peer to \
                     there, or give the peer a TURN server, too, over TCP or TLS (--turn turns:…)",
                    local.relays
                );
            }
            Cause::OnlyRemoteRelay => {
                return format!(
                    "only the peer has a relay, {}, and this side does not reach it, so open UDP from here to there, or \
                     give this side a TURN server, too, over TCP or TLS (--turn turns:…)",
                    remote.relays
                );
            }
            Cause::NobodyCame => {
                "this side is lite and waits for the peer, so let its UDP ports be open (--port-range) and its address \
                 the one that leads here (--announce)"
            }
            Cause::UdpBlocked => {
                let has_relay = local.relayed + remote.relayed > 0;
                let (over, or_tcp) = match self.over_tcp {
                    true => ("UDP and TCP", ""),
                    false => ("UDP", "over TCP (--tcp) or "),
                };
                let who = match has_relay || self.shares_network {
                    true => "a firewall",
                    false => "a NAT or a firewall",
                };
                return match has_relay {
                    true => format!(
                        "{who} seems to stop {over} between the two sides and their relays, so open its ports there, or \
                         reach the TURN server over TCP or TLS (--turn turns:…)"
                    ),
                    false => format!(
                        "{who} seems to stop {over} between the two sides, so open its ports there (--port-range), or \
                         go {or_tcp}through a TURN server (--turn)"
                    ),
                };
            }
            Cause::TcpBlocked => {
                "a firewall seems to stop TCP between the two sides, so open the port of who listens (--port-range), or \
                 use UDP as well"
            }
        };
        fixed.to_owned()
    }
}

/// So many were something.
fn were(count: u32) -> String {
    format!("{count} {}", if count == 1 { "was" } else { "were" })
}

/// The only one of them, or what stands for several.
fn of_one(addresses: Addresses, several: &str) -> String {
    let mut all = addresses.iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.ip().to_string(),
        _ => several.to_owned(),
    }
}

/// Says what is the matter with addresses that few reach.
fn narrow(addresses: Addresses, scope: Option<Scope>) -> String {
    let is = scope.map_or("not public", Scope::words);
    let mut ips: Vec<IpAddr> = addresses.iter().map(|address| address.ip()).collect();
    ips.dedup();
    match &*ips {
        [one] if !addresses.has_more() => format!("address {one} is {is}"),
        _ => format!("addresses are {is}"),
    }
}
