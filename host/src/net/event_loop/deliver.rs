//! Datagrams that arrive: to whom each of them goes.
use super::EventLoop;
use crate::component::Arrival;
use crate::ice::{Datagram, Pair, StunKind};
use crate::net::application::ReplyQueue;
use crate::net::arrivals::ArrivalCounter;
use crate::net::bindings::Bound;
use crate::net::demux::{Directory, Stray};
use crate::net::dirty::Dirty;
use crate::net::handover::Handover;
use crate::net::id_map::IdMap;
use crate::net::keys::{ComponentKey, ReceivePath, StreamKey};
use crate::net::parcel::Handed;
use crate::net::shared_stun::StunClient;
use crate::net::stream_driver::StreamDriver;
use crate::net::takeover::{Received, Successor};
use crate::net::token::Token;
use crate::net::udp::receiver::Receiver;
use std::net::SocketAddr;
use std::time::Instant;

impl EventLoop {
    /// Takes what has arrived at a socket.
    pub(super) fn receive(&mut self, now: Instant, index: usize, receiver: &mut Receiver) {
        let (mut recipients, sockets) = self.recipients(now);
        let Some(bound) = sockets.get_mut(index) else {
            return;
        };
        let Bound {
            inner: socket,
            local,
            demux,
            ..
        } = bound;
        let mut data = false;
        let arrivals = recipients.arrivals;
        let more = receiver.receive(socket, arrivals, |remote, bytes| {
            data |= recipients.deliver(demux, *local, remote, bytes);
        });
        if data {
            socket.expect_data();
        }
        if more {
            self.busy.push(Token::Socket(index));
        }
        self.send_replies(now);
    }

    /// Takes what has arrived at the predecessor and is not for its streams.
    pub(super) fn receive_passed(&mut self, now: Instant) {
        let Some(mut predecessor) = self.predecessor.take() else {
            return;
        };
        let (mut recipients, sockets) = self.recipients(now);
        let received = predecessor.receive(|local, remote, bytes| {
            recipients.arrivals.add(1, bytes.len() as u64);
            let index = sockets.shared_at(local);
            match index.and_then(|index| sockets.get_mut(index)) {
                Some(bound) => {
                    recipients.deliver(&mut bound.demux, local, remote, bytes);
                }
                None => recipients.arrivals.stray(),
            }
        });
        match received {
            Received::Ended => {
                drop(predecessor);
                self.receive_inherited();
            }
            Received::More => {
                self.predecessor = Some(predecessor);
                self.busy.push(Token::Predecessor);
            }
            Received::Drained => self.predecessor = Some(predecessor),
        }
        self.send_replies(now);
    }

    fn recipients(&mut self, now: Instant) -> (Recipients<'_>, &mut super::Sockets) {
        let Self {
            sockets,
            streams,
            dirty,
            replies,
            handover,
            stun,
            arrivals,
            successor,
            ..
        } = self;
        let recipients = Recipients {
            now,
            streams,
            dirty,
            replies,
            handover,
            stun,
            arrivals,
            successor: successor.as_mut(),
        };
        (recipients, sockets)
    }
}

/// All that a datagram may be for.
struct Recipients<'a> {
    now: Instant,
    streams: &'a mut IdMap<StreamKey, Box<StreamDriver>>,
    dirty: &'a mut Dirty,
    replies: &'a mut ReplyQueue,
    handover: &'a mut Handover,
    stun: &'a mut StunClient,
    arrivals: &'a ArrivalCounter,
    successor: Option<&'a mut Successor>,
}

impl Recipients<'_> {
    /// Gives a datagram that has come to `local` to whom it is for, as `demux` there knows. Returns whether it is an
    /// application's data.
    fn deliver(
        &mut self,
        demux: &mut Directory,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        let datagram = Datagram::new(bytes);
        let (now, streams) = (self.now, &mut *self.streams);
        let lives_here = |key| streams.contains_key(&key);
        let Some(component) = demux.route(now, remote, datagram.stun(), lives_here) else {
            self.deliver_nobodys(demux, local, remote, bytes);
            return false;
        };
        let Some(driver) = streams.get_mut(&component.0) else {
            if let Some(StunKind::Response { .. }) = datagram.stun() {
                // What follows is not a stranger's, also where it is here before the answer has been taken there.
                demux.expect(remote, component);
            }
            self.hand_over(component, local, remote, bytes);
            return false;
        };
        let path = path(component, local, remote);
        match driver.deliver(now, path, datagram, self.dirty, self.replies) {
            Arrival::Application | Arrival::Told => return true,
            Arrival::Authentic => demux.expect(remote, component),
            Arrival::Verified => demux.add_address(remote, component),
            Arrival::Consumed | Arrival::Waiting(_) | Arrival::Dropped(_) => {}
        }
        false
    }

    /// Nobody is known for it: it may be a STUN server's answer, or the successor's, or one that streams keep until they
    /// know its sender.
    fn deliver_nobodys(
        &mut self,
        demux: &Directory,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        let datagram = Datagram::new(bytes);
        if self.stun.handle_answer(self.now, local, remote, datagram) {
            return;
        }
        let is_passed_on = self.pass_on(demux, local, remote, datagram);
        match demux.stray(remote, datagram.stun()) {
            Stray::Expected(expecting) => {
                if expecting.is_empty() && !is_passed_on {
                    self.arrivals.stray();
                }
                for component in expecting {
                    match self.streams.get_mut(&component.0) {
                        Some(driver) => {
                            let path = path(component, local, remote);
                            driver.deliver(self.now, path, datagram, self.dirty, self.replies);
                        }
                        None => self.hand_over(component, local, remote, bytes),
                    }
                }
            }
            Stray::Sole(_) if is_passed_on => {}
            Stray::Sole(sole) => {
                self.arrivals.stray();
                if let Some(driver) = self.streams.get_mut(&sole.0) {
                    driver.note_stray(path(sole, local, remote), datagram);
                }
            }
        }
    }

    /// Returns whether there is a successor whose it may be.
    fn pass_on(
        &mut self,
        demux: &Directory,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: Datagram<'_>,
    ) -> bool {
        let Some(successor) = &mut self.successor else {
            return false;
        };
        if demux.knows(remote, datagram.stun()) {
            return false;
        }
        let had_room = successor.push(local, remote, datagram.bytes());
        self.arrivals.passed_on(had_room);
        true
    }

    /// The component lives on another loop.
    fn hand_over(
        &mut self,
        component: ComponentKey,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        let handed = Handed {
            component,
            local,
            remote,
            arrived: self.handover.number(),
        };
        self.handover.hand_over(handed, bytes);
    }
}

fn path(component: ComponentKey, local: SocketAddr, remote: SocketAddr) -> ReceivePath {
    ReceivePath {
        component,
        pair: Pair::udp(local, remote),
        local,
    }
}
