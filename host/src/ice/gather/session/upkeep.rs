//! What time brings: retransmissions, refreshes, doubts, and the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use stun_proto::types::TransportType;
use turn_client_proto::api::{TurnEvent, TurnPollRet};
use turn_client_proto::prelude::TurnClientApi as _;

use super::{Session, Told};
use crate::ice::gather::binding::{Binding, KEEPALIVE};
use crate::ice::gather::trouble::silence;

/// A client that has this much to do in one moment is at odds with itself.
const MAX_TURNS: usize = 64;

impl Session {
    pub(in crate::ice::gather) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.work(now);
        }
    }

    pub(in crate::ice::gather) fn poll_timeout(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let keepalive = self.keepalive.poll_timeout().filter(|_| self.keeps_alive());
        Some(keepalive.map_or(self.wake, |at| at.min(self.wake)))
    }

    /// Finds out whether the server still has the allocation, which an answer to a request tells: one for a
    /// permission that nobody uses, for an address that nobody has (RFC 5737, RFC 3849).
    pub(in crate::ice::gather) fn probe(&mut self, now: Instant) {
        self.probes = self.probes.wrapping_add(1);
        let nobody: IpAddr = match self.relayed.first() {
            Some(SocketAddr::V4(_)) => Ipv4Addr::new(192, 0, 2, self.probes).into(),
            Some(SocketAddr::V6(_)) => {
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, self.probes.into()).into()
            }
            None => return,
        };
        let at = self.clock.at(now);
        let asked = self
            .client
            .create_permission(TransportType::Udp, nobody, at);
        self.probe = asked.is_ok().then_some(nobody);
        self.work(now);
    }

    fn keeps_alive(&self) -> bool {
        !self.relayed.is_empty()
    }

    pub(super) fn work(&mut self, now: Instant) {
        for _ in 0..MAX_TURNS {
            if self.ended {
                return;
            }
            let at = self.clock.at(now);
            while let Some(transmit) = self.client.poll_transmit(at) {
                self.push(transmit.data.to_vec());
            }
            let polled = self.client.poll(at);
            if let Some(event) = self.client.poll_event() {
                self.take(now, event);
                continue;
            }
            match polled {
                TurnPollRet::WaitUntil(wake) if wake <= at => {}
                TurnPollRet::WaitUntil(wake) => {
                    self.wake = self.clock.back(wake);
                    return self.keep_alive(now);
                }
                TurnPollRet::Closed => return self.end(self.cause()),
                // These belong to TCP allocations, which are not asked for.
                TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => {}
            }
        }
        self.end("its answers make no sense".to_owned());
    }

    fn keep_alive(&mut self, now: Instant) {
        if !self.keeps_alive() {
            return;
        }
        if let Some(request) = self.keepalive.poll_transmit(now) {
            self.push(request);
        }
        if self.keepalive.has_failed() {
            // It answers no STUN; the requests keep the mapping open all the same.
            self.keepalive = Binding::new(self.local, self.server, now + KEEPALIVE);
        }
        if self.keepalive.is_overdue() {
            self.end("it does not answer any more".to_owned());
        }
    }

    fn take(&mut self, now: Instant, event: TurnEvent) {
        match event {
            TurnEvent::AllocationCreated(_, address) => {
                self.relayed.push(address);
                self.told.push_back(Told::Allocated(address));
            }
            TurnEvent::PermissionCreateFailed(_, ip) if self.probe == Some(ip) => {
                self.end("it has forgotten its allocation".to_owned());
            }
            TurnEvent::PermissionCreated(_, ip) if self.probe == Some(ip) => self.probe = None,
            TurnEvent::PermissionCreated(_, ip) => {
                for (peer, data) in self.permissions.release(ip) {
                    self.send(now, peer, &data);
                }
            }
            TurnEvent::PermissionCreateFailed(_, ip) => self.permissions.refuse(now, ip),
            TurnEvent::ChannelCreateFailed(_, peer) => {
                self.channels.remove(&peer);
            }
            // The client closes when none is left.
            TurnEvent::AllocationCreateFailed(_) => {}
            TurnEvent::ChannelCreated(..)
            | TurnEvent::TcpConnected(_)
            | TurnEvent::TcpConnectFailed(_) => {}
        }
    }

    /// Why the server does not relay.
    pub(in crate::ice::gather) fn cause(&self) -> String {
        let cause = self.last_error.clone();
        cause.unwrap_or_else(|| silence(self.transport, self.server.port()))
    }

    pub(super) fn end(&mut self, cause: String) {
        if !std::mem::replace(&mut self.ended, true) {
            self.told.push_back(Told::Ended(cause));
        }
    }
}
