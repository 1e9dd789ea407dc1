//! What goes out on standard output.
use super::lines::{Line, Lines};
use crate::exit::Failed;
use crate::stdio;
use handclasp::control::{Event, PayloadEvent, Secrets};
use handclasp::stream::Notification;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Room for the lines that hold keys: a buffer that grows leaves copies behind.
const ROOM_FOR_KEYS: usize = 4 << 10;

/// Writes lines as they come, each flushed.
pub(super) struct Output {
    lines: Arc<Lines>,
    name: Option<String>,
    /// Holds keys at times.
    buffer: Zeroizing<Vec<u8>>,
}

/// An event with the stream's name, if it has one.
#[derive(Serialize)]
struct Named<'a, E> {
    #[serde(flatten)]
    event: E,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
}

impl Output {
    pub(super) fn new(lines: Arc<Lines>, name: Option<String>) -> Self {
        Self {
            lines,
            name,
            buffer: Vec::with_capacity(ROOM_FOR_KEYS).into(),
        }
    }

    /// Until the stream is gone, which is told to `stop` once nothing can come of it any more. A reader that has gone
    /// away ends it too: the command then ends quietly.
    pub(super) fn write(mut self, components: u16, stop: impl Fn()) -> Result<(), Failed> {
        let mut verdict = Verdict::default();
        let mut spare = Vec::new();
        loop {
            let line = self.lines.next(&mut spare);
            let written = match &line {
                Line::Notification(notification) => {
                    verdict.note(notification);
                    if verdict.has_failed(components) {
                        stop();
                    }
                    self.write_line(Event::new(notification, Secrets::Shown))
                }
                Line::Payload {
                    component_id,
                    payload,
                } => self.write_line(PayloadEvent {
                    component_id: *component_id,
                    payload,
                }),
                Line::Error(error) => self.write_line(error),
                Line::Unreadable(error) => {
                    verdict.unreadable(error);
                    Ok(())
                }
                Line::End => break,
            };
            if let Line::Payload { payload, .. } = line {
                spare = payload;
            }
            if let Err(error) = written {
                return stdio::unless_closed(&error);
            }
        }
        verdict.result()
    }

    /// In one write.
    fn write_line(&mut self, event: impl Serialize) -> io::Result<()> {
        let stream = self.name.as_deref();
        let line = Named { event, stream };
        self.buffer.zeroize();
        serde_json::to_writer(&mut *self.buffer, &line)?;
        self.buffer.push(b'\n');
        stdio::write(&self.buffer)
    }
}

/// How the stream went.
#[derive(Default)]
struct Verdict {
    stopped: bool,
    /// Every `init` has finished: credentials follow the last one.
    prepared: bool,
    /// Components that have failed or closed.
    ended: u16,
    /// Of the first component that failed, or of the input.
    failure: Option<String>,
}

impl Verdict {
    fn note(&mut self, notification: &Notification) {
        match notification {
            Notification::Stopped => self.stopped = true,
            Notification::LocalCredentials { .. } => self.prepared = true,
            Notification::ComponentClosed { .. } => self.ended += 1,
            Notification::ComponentStateFailed {
                component_id,
                reason,
            } => {
                self.ended += 1;
                self.failure
                    .get_or_insert_with(|| format!("component {component_id} failed: {reason}"));
            }
            _ => {}
        }
    }

    /// Whether none of the components is left, and not all of them closed in order.
    fn has_failed(&self, components: u16) -> bool {
        !self.stopped && self.ended >= components && self.failure.is_some()
    }

    fn unreadable(&mut self, error: &io::Error) {
        self.prepared = true; // no plugin is to blame
        self.failure
            .get_or_insert_with(|| format!("standard input cannot be read: {error}"));
    }

    fn result(self) -> Result<(), Failed> {
        match self.failure {
            Some(failure) if !self.prepared => Err(Failed::plugin(failure)),
            Some(failure) => Err(Failed::new(failure)),
            None if self.stopped => Ok(()),
            None => Err(Failed::new(
                "the stream's event loop ended early: report what it said above",
            )),
        }
    }
}
