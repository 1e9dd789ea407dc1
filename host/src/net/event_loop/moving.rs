//! Streams that share a port with those of other loops: datagrams from there, and moving to where a peer's arrive.
//!
//! A stream moves in three steps, so that its datagrams stay in order. The loop at which they arrive is told to expect it,
//! and holds what arrives from then on; it says so behind all that it has handed over before; with that the stream
//! leaves, and what was held comes behind it.
use super::EventLoop;
use crate::component::Arrival;
use crate::ice::{Datagram, Pair};
use crate::net::keys::{ReceivePath, StreamKey};
use crate::net::mailbox::{Command, Moving};
use crate::net::parcel::{Handed, Parcel};
use crate::net::stream_driver::StreamDriver;
use std::time::Instant;

impl EventLoop {
    /// Datagrams have arrived at another loop.
    pub(super) fn take_handed(&mut self, now: Instant, parcel: &Parcel) {
        self.handover.taken(parcel);
        self.deliver_parcel(now, parcel);
    }

    fn deliver_parcel(&mut self, now: Instant, parcel: &Parcel) {
        for (handed, datagram) in parcel.iter() {
            self.deliver_handed(now, handed, datagram);
        }
        self.send_replies(now);
    }

    fn deliver_handed(&mut self, now: Instant, handed: Handed, bytes: &[u8]) {
        let Self {
            streams,
            sockets,
            dirty,
            replies,
            handover,
            ..
        } = self;
        let Handed {
            component,
            local,
            remote,
            arrived,
        } = handed;
        let (key, component_id) = component;
        let Some(driver) = streams.get_mut(&key) else {
            return handover.hand_over(handed, bytes);
        };
        let bound = driver.socket_at(component_id, local);
        let Some(bound) = bound.and_then(|index| sockets.get_mut(index)) else {
            return; // the component has left that socket
        };
        let pair = Pair::udp(local, remote);
        let path = ReceivePath {
            component,
            pair,
            local,
        };
        let arrival = driver.deliver(now, path, Datagram::new(bytes), dirty, replies);
        match arrival {
            Arrival::Authentic => bound.demux.expect(remote, component),
            Arrival::Verified => bound.demux.add_address(remote, component),
            _ => {}
        }
        if arrived != handover.number() && driver.is_to_follow(now, component_id, pair) {
            let moving = Moving {
                stream: key,
                home: handover.number(),
                locals: driver.locals(),
            };
            let mailbox = handover.siblings().mailbox(arrived);
            let returned = mailbox.offer(Command::Expect(Box::new(moving)));
            driver.set_expected(returned.is_none());
        }
    }

    /// A stream is to come here.
    pub(super) fn expect_stream(&mut self, moving: &Moving) {
        let Moving {
            stream,
            home,
            locals,
        } = moving;
        let has_socket = |local| self.sockets.shared_at(local).is_some();
        if locals.iter().all(|local| has_socket(*local)) {
            self.handover.hold(*stream);
            let (number, home) = (self.handover.number(), *home);
            let mailbox = self.handover.siblings().mailbox(home);
            mailbox.post(Command::Expected(*stream, number));
        }
    }

    /// A stream is expected at the loop with this number: it moves there if it still can.
    pub(super) fn move_to(&mut self, now: Instant, key: StreamKey, number: usize) {
        let siblings = self.handover.siblings();
        let mailbox = siblings.mailbox(number);
        let can_move = self.streams.get(&key).is_some_and(|it| it.can_move());
        if !can_move {
            if let Some(driver) = self.streams.get_mut(&key) {
                driver.set_expected(false);
            }
            return mailbox.post(Command::Stays(key));
        }
        let driver = self.streams.remove(&key);
        let mut driver = driver.expect("it can move");
        driver.set_expected(false);
        self.timers.arm(key, None, &mut driver.armed);
        self.pulse.ended(key);
        driver.leave(now, &mut self.sockets, &self.instances, mailbox);
        match mailbox.offer(Command::Adopt(driver)) {
            None => {
                siblings.moved(key, number);
                siblings.counter().moved();
            }
            // That loop has ended, and this one is about to.
            Some(Command::Adopt(driver)) => self.adopt(now, driver),
            Some(_) => {}
        }
    }

    /// A stream has come to live here.
    pub(super) fn adopt(&mut self, now: Instant, mut driver: Box<StreamDriver>) {
        let key = driver.stream_key();
        driver.arrive(&self.sockets, &self.instances, &self.mailbox);
        self.pulse.opened(key, &driver.stream.plugin().id);
        self.streams.insert(key, driver);
        self.mark_dirty(key);
        self.mailed.push_back(key);
        let held = self.handover.release(key);
        self.deliver_parcel(now, &held);
    }

    /// A stream that was expected stays where it is: what was held is handed over.
    pub(super) fn release_held(&mut self, key: StreamKey) {
        let held = self.handover.release(key);
        for (handed, datagram) in held.iter() {
            self.handover.hand_over(handed, datagram);
        }
    }
}
