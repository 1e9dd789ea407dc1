//! What comes from the server.

use std::net::SocketAddr;
use std::time::Instant;

use stun_proto::agent::Transmit;
use stun_proto::types::TransportType;
use stun_proto::types::attribute::ErrorCode;
use turn_client_proto::api::TurnRecvRet;
use turn_client_proto::prelude::TurnClientApi as _;

use super::Session;

impl Session {
    /// Takes bytes of the connection. `each` is given what peers sent: our relayed address,
    /// theirs, and the datagram.
    pub(in crate::ice::gather) fn handle(
        &mut self,
        now: Instant,
        bytes: &[u8],
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if self.transport == TransportType::Udp {
            self.handle_message(now, bytes, &mut each);
        } else {
            let mut framing = std::mem::take(&mut self.framing);
            framing.push(bytes);
            loop {
                match framing.next() {
                    Ok(Some(message)) => self.handle_message(now, message, &mut each),
                    Ok(None) => break,
                    Err(_) => {
                        self.end("what it sends is not TURN".to_owned());
                        break;
                    }
                }
            }
            self.framing = framing;
        }
        self.work(now);
    }

    fn handle_message(
        &mut self,
        now: Instant,
        message: &[u8],
        each: &mut impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if self.keepalive.is_answer(self.local, self.server, message) {
            self.keepalive.handle_answer(now, message);
            return;
        }
        let transmit = Transmit::new(message, self.transport, self.server, self.local);
        match self.client.recv(transmit, self.clock.at(now)) {
            TurnRecvRet::PeerData(data) => {
                self.keepalive.rest(now);
                let is_of_family = |at: &&SocketAddr| at.is_ipv4() == data.peer.is_ipv4();
                if let Some(relayed) = self.relayed.iter().find(is_of_family) {
                    each(*relayed, data.peer, data.data());
                }
            }
            TurnRecvRet::Handled | TurnRecvRet::Ignored(_) => self.note_error(message),
            TurnRecvRet::PeerIcmp { .. } => {}
        }
    }

    /// The client does not tell why a request failed, and waits on where there is no hope.
    fn note_error(&mut self, message: &[u8]) {
        let Some(code) = self.requests.take_error(message) else {
            return;
        };
        let is_allocated = !self.relayed.is_empty();
        match code {
            // The first one asks for the credentials (RFC 8489 §9.2.4).
            ErrorCode::UNAUTHORIZED if !std::mem::replace(&mut self.is_challenged, true) => {}
            ErrorCode::UNAUTHORIZED if !is_allocated => {
                self.end("it refuses the user or the password".to_owned());
            }
            ErrorCode::ALLOCATION_MISMATCH if is_allocated => {
                self.end("it has forgotten its allocation".to_owned());
            }
            ErrorCode::STALE_NONCE => {}
            // It knows of the allocation, then.
            ErrorCode::FORBIDDEN => self.probe = None,
            _ => self.last_error = Some(format!("it refuses with error {code}")),
        }
    }
}
