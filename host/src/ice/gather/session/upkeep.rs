//! What time brings: retransmissions, refreshes, doubts, and the end.

use std::time::Instant;

use super::message::Ask;
use super::{Session, Told};
use crate::ice::RelayEnd;
use crate::ice::gather::binding::{Binding, KEEPALIVE};
use crate::ice::gather::trouble::silence;

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
        let life = self.lifetime.map(|life| match self.is_refreshing() {
            true => life.end,
            false => life.refresh.min(life.end),
        });
        let keepalive = self.keepalive.poll_timeout().filter(|_| life.is_some());
        [
            self.requests.poll_timeout(),
            life,
            keepalive,
            self.permissions.poll_timeout(),
            self.channels.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn is_refreshing(&self) -> bool {
        self.requests.is_under_way(Ask::Refresh)
    }

    /// Each loop ends: what is due is put off before the next is looked for.
    pub(super) fn work(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        if let Some(mut life) = self.lifetime {
            if life.end <= now {
                let cause = self.last_error.take();
                let cause = cause.unwrap_or_else(|| "its allocation was not refreshed".to_owned());
                return self.end(cause);
            }
            if life.refresh <= now {
                life.retry(now);
                self.lifetime = Some(life);
                self.refresh(now);
            }
        }
        while let Some(ip) = self.permissions.poll_renewal(now) {
            self.ask(now, Ask::Permit(ip), 0);
        }
        while let Some((peer, number)) = self.channels.poll_renewal(now) {
            self.ask(now, Ask::Bind(peer, number), 0);
        }
        while let Some(message) = self.requests.poll_transmit(now) {
            self.push(message);
        }
        while let Some(ask) = self.requests.poll_unanswered(now) {
            self.give_up(now, ask);
        }
        self.keep_alive(now);
    }

    /// The server is asked for more time, unless it is being asked.
    pub(super) fn refresh(&mut self, now: Instant) {
        if !self.is_refreshing() {
            self.ask(now, Ask::Refresh, 0);
        }
    }

    fn give_up(&mut self, now: Instant, ask: Ask) {
        match ask {
            Ask::Allocate(_) => self.tell_end(Told::Ended(RelayEnd::Broken(self.cause()))),
            // There is a next one until the allocation has ended; the keepalive tells whether the server is there.
            Ask::Refresh | Ask::Release => {}
            // One that is renewed lasts for a while.
            Ask::Permit(ip) if self.permissions.is_granted(ip) => {}
            Ask::Permit(ip) => self.permissions.refuse(now, ip),
            Ask::Bind(..) => {}
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        if self.lifetime.is_none() {
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

    /// Why the server does not relay.
    pub(in crate::ice::gather) fn cause(&self) -> String {
        let transport = if self.is_stream { "TCP" } else { "UDP" };
        let cause = self.last_error.clone();
        cause.unwrap_or_else(|| silence(transport, self.server.port()))
    }

    pub(super) fn end(&mut self, cause: String) {
        self.tell_end(Told::Ended(RelayEnd::Refused(cause)));
    }

    pub(super) fn tell_end(&mut self, end: Told) {
        if !std::mem::replace(&mut self.ended, true) {
            self.told.push_back(end);
        }
    }
}
