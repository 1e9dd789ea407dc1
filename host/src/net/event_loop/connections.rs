//! TCP connections between peers.
use super::EventLoop;
use crate::component::Arrival;
use crate::net::application::ReplyQueue;
use crate::net::hosted::Hosted;
use crate::net::place::StreamKey;
use crate::net::tcp::ConnectionEvent;
use crate::net::token::Token;
use std::collections::HashMap;
use std::time::Instant;

impl EventLoop {
    /// Connections have come to a listener.
    pub(super) fn accept_connections(&mut self, now: Instant, listener: usize) {
        if self.connections.accept(now, listener) {
            self.busy.push(Token::Listener(listener));
        }
    }

    /// A connection is ready for something.
    pub(super) fn serve_connection(&mut self, now: Instant, index: usize) {
        let Self {
            connections,
            streams,
            touched,
            replies,
            ..
        } = self;
        let more = connections.handle_ready(now, index, |event| {
            hear(now, streams, touched, replies, event)
        });
        if more {
            self.busy.push(Token::Connection(index));
        }
        self.send_replies(now);
    }

    /// Closes those over which nothing comes.
    pub(super) fn sweep_connections(&mut self, now: Instant) {
        let Self {
            connections,
            streams,
            touched,
            replies,
            ..
        } = self;
        connections.sweep(now, |event| hear(now, streams, touched, replies, event));
    }
}

/// Tells a stream what has happened to a connection; returns whether ICE found a datagram authentic.
fn hear(
    now: Instant,
    streams: &mut HashMap<StreamKey, Hosted>,
    touched: &mut Vec<StreamKey>,
    replies: &mut ReplyQueue,
    event: ConnectionEvent<'_>,
) -> bool {
    let (ConnectionEvent::Datagram(way, _)
    | ConnectionEvent::Stray(way, _)
    | ConnectionEvent::Closed(way, _)) = &event;
    let (way, (key, component_id)) = (*way, way.member);
    let Some(hosted) = streams.get_mut(&key) else {
        return false;
    };
    match event {
        ConnectionEvent::Datagram(_, datagram) => {
            let arrival = hosted.deliver(now, way, datagram, touched, replies);
            matches!(arrival, Arrival::Authentic | Arrival::Verified)
        }
        ConnectionEvent::Stray(_, datagram) => {
            hosted.note_stray(way, datagram);
            false
        }
        ConnectionEvent::Closed(_, cause) => {
            tracing::debug!("component {component_id}, {}: {cause}", way.as_it_is());
            hosted.stream.connection_closed(now, component_id, way.pair);
            hosted.touch(touched);
            false
        }
    }
}
