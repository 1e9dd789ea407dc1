//! TCP connections between peers.
use super::EventLoop;
use crate::component::Arrival;
use crate::net::application::ReplyQueue;
use crate::net::hosted::Hosted;
use crate::net::place::StreamKey;
use crate::net::tcp::Happening;
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
        let more = connections.handle_ready(now, index, |happening| {
            hear(now, streams, touched, replies, happening)
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
        connections.sweep(now, |happening| {
            hear(now, streams, touched, replies, happening)
        });
    }
}

/// Tells a stream what has happened to a connection; returns whether ICE found a datagram authentic.
fn hear(
    now: Instant,
    streams: &mut HashMap<StreamKey, Hosted>,
    touched: &mut Vec<StreamKey>,
    replies: &mut ReplyQueue,
    happening: Happening<'_>,
) -> bool {
    let (Happening::Datagram(way, _) | Happening::Stray(way, _) | Happening::Closed(way, _)) =
        &happening;
    let (way, (key, component_id)) = (*way, way.member);
    let Some(hosted) = streams.get_mut(&key) else {
        return false;
    };
    match happening {
        Happening::Datagram(_, datagram) => {
            let stream = &mut hosted.stream;
            let arrival = stream.handle_datagram(now, component_id, way.pair, datagram);
            let of_application = arrival == Arrival::Application;
            if let Some(recorder) = &hosted.recorder {
                recorder.received(component_id, way.as_it_is(), datagram, of_application);
            }
            if of_application {
                let application = &mut hosted.application;
                application.receive(component_id, datagram, &mut replies.of(key));
                return false;
            }
            hosted.touch(touched);
            arrival == Arrival::Validated
        }
        Happening::Stray(_, datagram) => {
            if let Some(recorder) = &hosted.recorder {
                recorder.strayed(component_id, way.as_it_is(), datagram);
            }
            false
        }
        Happening::Closed(_, cause) => {
            tracing::debug!("component {component_id}, {}: {cause}", way.as_it_is());
            hosted.stream.connection_closed(now, component_id, way.pair);
            hosted.touch(touched);
            false
        }
    }
}
