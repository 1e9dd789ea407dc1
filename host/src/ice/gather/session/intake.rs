//! What comes from the server.

use std::net::SocketAddr;
use std::time::Instant;

use stun_proto::types::message::{Message, MessageClass};
use turn_types::attribute::{Data, XorPeerAddress};
use turn_types::channel::ChannelData;
use turn_types::message::DATA;

use super::Session;
use crate::ice::stun_kind;

/// Takes what a peer sent: our relayed address, the peer's, and the datagram.
type Each<'e> = dyn FnMut(SocketAddr, SocketAddr, &[u8]) + 'e;

impl Session {
    /// Takes bytes of the connection. `each` is given what peers sent: our relayed address,
    /// theirs, and the datagram.
    pub(in crate::ice::gather) fn handle(
        &mut self,
        now: Instant,
        bytes: &[u8],
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if self.is_stream {
            let mut framing = std::mem::take(&mut self.framing);
            framing.push(bytes);
            loop {
                match framing.next() {
                    Ok(Some(message)) => self.handle_message(now, message, &mut each),
                    Ok(None) => break,
                    Err(error) => {
                        self.end(error.to_string());
                        break;
                    }
                }
            }
            self.framing = framing;
        } else {
            self.handle_message(now, bytes, &mut each);
        }
        self.work(now);
    }

    fn handle_message(&mut self, now: Instant, message: &[u8], each: &mut Each<'_>) {
        if self.ended {
            return;
        }
        if self
            .keepalive
            .is_answer(self.local, self.server, stun_kind(message))
        {
            let is_first = !self.keepalive.is_settled();
            let other = self.keepalive.handle_answer(now, message);
            if other.is_some() && !is_first {
                // The allocation is the old address's (RFC 8656 §3.2), and nothing comes through any more.
                self.end("a NAT has changed the address that it sees us at".to_owned());
            }
        } else if let Ok(message) = Message::from_bytes(message) {
            match message.class() {
                MessageClass::Indication if message.has_method(DATA) => {
                    self.take_data(now, &message, each);
                }
                MessageClass::Success => self.take_success(now, &message),
                MessageClass::Error => self.take_error(now, &message),
                MessageClass::Indication | MessageClass::Request => {}
            }
        } else if let Ok(data) = ChannelData::parse(message)
            && let Some(peer) = self.channels.peer(data.id())
        {
            self.take_peers(now, peer, data.data(), each);
        }
    }

    /// A Data indication (RFC 8656 §11.4).
    fn take_data(&mut self, now: Instant, message: &Message<'_>, each: &mut Each<'_>) {
        if let Ok(peer) = message.attribute::<XorPeerAddress>()
            && let Ok(data) = message.attribute::<Data<'_>>()
        {
            let peer = peer.addr(message.transaction_id());
            if self.permissions.is_granted(peer.ip()) {
                self.take_peers(now, peer, data.data(), each);
            }
        }
    }

    fn take_peers(&mut self, now: Instant, peer: SocketAddr, data: &[u8], each: &mut Each<'_>) {
        self.keepalive.rest(now);
        if let Some(relayed) = self.relayed_for(peer) {
            each(relayed, peer, data);
        }
    }
}
