//! What a stream says, on its way from its event loop to whoever drives it.
use super::Streams;
use super::entry::Entry;
use handclasp::control::PayloadEvent;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context};
use serde::Serialize;
use std::sync::Arc;

/// Passes on what a stream says; waits for nobody.
pub(crate) struct Reporter {
    entry: Arc<Entry>,
    streams: Arc<Streams>,
}

impl Reporter {
    pub(crate) fn new(entry: Arc<Entry>, streams: Arc<Streams>) -> Self {
        Self { entry, streams }
    }
}

/// A message was refused.
#[derive(Serialize)]
#[serde(tag = "event", rename = "error")]
struct RefusedEvent<'a> {
    stream: &'a str,
    line: u64,
    error: String,
}

impl Application for Reporter {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if self.entry.begin() {
            self.streams.began(&self.entry);
        }
        let change = self.entry.take(&notification);
        self.streams.note(&self.entry, &notification, &change);
    }

    fn receive(&mut self, _: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.entry.take_payload(PayloadEvent {
            component_id,
            payload: datagram,
        });
    }

    fn answer(&mut self, _: &mut Context<'_>, number: Option<u64>, answer: Result<(), Refused>) {
        if let Err(refused) = answer {
            self.entry.tell(&RefusedEvent {
                stream: &self.entry.name,
                line: number.unwrap_or_default(),
                error: refused.to_string(),
            });
        }
    }
}

impl Drop for Reporter {
    /// However the stream has ended.
    fn drop(&mut self) {
        self.streams.remove(&self.entry);
    }
}
