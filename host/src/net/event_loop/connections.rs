//! TCP connections between peers.
use super::EventLoop;
use crate::component::Arrival;
use crate::ice::Datagram;
use crate::net::application::ReplyQueue;
use crate::net::dirty::Dirty;
use crate::net::id_map::IdMap;
use crate::net::keys::StreamKey;
use crate::net::stream_driver::StreamDriver;
use crate::net::tcp::ConnectionEvent;
use crate::net::token::Token;
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
            dirty,
            replies,
            ..
        } = self;
        let more = connections.handle_ready(now, index, |event| {
            handle_event(now, streams, dirty, replies, event)
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
            dirty,
            replies,
            ..
        } = self;
        connections.sweep(now, |event| {
            handle_event(now, streams, dirty, replies, event)
        });
    }
}

/// Tells a stream what has happened to a connection; returns whether ICE found a datagram authentic.
fn handle_event(
    now: Instant,
    streams: &mut IdMap<StreamKey, Box<StreamDriver>>,
    dirty: &mut Dirty,
    replies: &mut ReplyQueue,
    event: ConnectionEvent<'_>,
) -> bool {
    let (ConnectionEvent::Datagram(path, _)
    | ConnectionEvent::Stray(path, _)
    | ConnectionEvent::Closed(path, _)) = &event;
    let (path, (key, component_id)) = (*path, path.component);
    let Some(driver) = streams.get_mut(&key) else {
        return false;
    };
    match event {
        ConnectionEvent::Datagram(_, datagram) => {
            let arrival = driver.deliver(now, path, datagram, dirty, replies);
            matches!(arrival, Arrival::Authentic | Arrival::Verified)
        }
        ConnectionEvent::Stray(_, datagram) => {
            driver.note_stray(path, Datagram::new(datagram));
            false
        }
        ConnectionEvent::Closed(_, cause) => {
            tracing::debug!("component {component_id}, {}: {cause}", path.as_it_is());
            driver
                .stream
                .connection_closed(now, component_id, path.pair);
            driver.mark_dirty(dirty);
            false
        }
    }
}
