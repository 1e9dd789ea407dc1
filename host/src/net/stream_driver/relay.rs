//! Connections to relays.
use super::{LoopContext, StreamDriver};
use crate::component::Cause;
use crate::ice::{RelayId, RelayRequest};
use crate::net::application::ReplyQueue;
use crate::net::dirty::Dirty;
use crate::net::relay::{Peer, RelayEvent, end_of};
use std::net::SocketAddr;
use std::time::Instant;

impl StreamDriver {
    /// What is to be done with a connection to a relay.
    pub(super) fn handle_relay_request(
        &mut self,
        context: &mut LoopContext<'_>,
        request: RelayRequest,
    ) {
        let key = self.key();
        match request {
            RelayRequest::Open {
                relay,
                address,
                transport,
                host,
            } => {
                if let Some(recorder) = &mut self.relay_recorder {
                    recorder.opening(relay, address, transport);
                }
                let peer = Peer {
                    address,
                    host: &host,
                    trust: self.trust.as_ref(),
                };
                match context.relays.open((key, relay), transport, &peer) {
                    Ok(Some(local)) => self.relay_opened(context.now, relay, local),
                    Ok(None) => {}
                    Err(error) => {
                        let end = end_of(&error);
                        self.stream.relay_closed(context.now, relay, &end);
                    }
                }
            }
            RelayRequest::Send { relay, contents } => {
                if let Some(recorder) = &self.relay_recorder {
                    recorder.sent(relay, &contents);
                }
                if !context.relays.send((key, relay), &contents) {
                    let id = relay.component_id;
                    self.stream
                        .note_unsent(context.now, id, Cause::SlowRelay, 1);
                }
            }
            RelayRequest::Close { relay } => context.relays.close((key, relay)),
        }
    }

    /// Tells the stream what has happened to a connection to a relay.
    pub(in crate::net) fn handle_relay(
        &mut self,
        now: Instant,
        relay: RelayId,
        event: RelayEvent<'_>,
        dirty: &mut Dirty,
        replies: &mut ReplyQueue,
    ) {
        match event {
            RelayEvent::Opened(local) => self.relay_opened(now, relay, local),
            RelayEvent::Bytes(bytes) => {
                if let Some(recorder) = &self.relay_recorder {
                    recorder.received(relay, bytes);
                }
                let (id, application) = (relay.component_id, &mut self.application);
                self.stream.handle_relay(now, relay, bytes, |datagram| {
                    application.receive(replies, id, datagram);
                });
            }
            RelayEvent::Closed(end) => self.stream.relay_closed(now, relay, &end),
        }
        self.mark_dirty(dirty);
    }

    /// A connection to a relay stands.
    fn relay_opened(&mut self, now: Instant, relay: RelayId, local: SocketAddr) {
        if let Some(recorder) = &mut self.relay_recorder {
            recorder.opened(relay, local);
        }
        self.stream.relay_opened(now, relay, local);
    }
}
