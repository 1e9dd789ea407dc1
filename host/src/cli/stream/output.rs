//! What goes out on standard output.
use super::reporter::Line;
use crate::cli::exit::Failed;
use handclasp::control::{Event, Secrets};
use handclasp::stream::Notification;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use zeroize::{Zeroize, Zeroizing};

/// Room for the lines that hold keys: a buffer that grows leaves copies behind.
const ROOM_FOR_KEYS: usize = 4 << 10;

/// Writes lines as they come, each flushed.
pub(super) struct Output {
    lines: Receiver<Line>,
    queued: Arc<AtomicUsize>,
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
    pub(super) fn new(
        lines: Receiver<Line>,
        queued: Arc<AtomicUsize>,
        name: Option<String>,
    ) -> Self {
        Self {
            lines,
            queued,
            name,
            buffer: Vec::with_capacity(ROOM_FOR_KEYS).into(),
        }
    }

    /// Until the stream is gone. A reader that has gone away ends it too: the command then ends quietly.
    pub(super) fn write(mut self) -> Result<(), Failed> {
        let mut verdict = Verdict::default();
        while let Ok(line) = self.lines.recv() {
            let written = match &line {
                Line::Notification(notification) => {
                    verdict.note(notification);
                    self.write_notification(notification)
                }
                Line::Error(error) => self.write_line(error),
                Line::End => break,
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => {
                    return Err(Failed::new(format!(
                        "standard output cannot be written: {error}"
                    )));
                }
                Ok(()) => {}
            }
        }
        verdict.result()
    }

    fn write_notification(&mut self, notification: &Notification) -> io::Result<()> {
        if let Notification::IcePayload { payload, .. } = notification {
            self.queued.fetch_sub(payload.len(), Ordering::Relaxed);
        }
        self.write_line(Event::new(notification, Secrets::Shown))
    }

    /// In one write: what ends with a line's end goes past the buffer of standard output, where it would stay.
    fn write_line(&mut self, event: impl Serialize) -> io::Result<()> {
        let stream = self.name.as_deref();
        let line = Named { event, stream };
        self.buffer.zeroize();
        serde_json::to_writer(&mut *self.buffer, &line)?;
        self.buffer.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.buffer)?;
        stdout.flush()
    }
}

/// How the stream went.
#[derive(Default)]
struct Verdict {
    stopped: bool,
    /// Every `init` has finished: credentials follow the last one.
    prepared: bool,
    /// Of the first component that failed.
    failure: Option<String>,
}

impl Verdict {
    fn note(&mut self, notification: &Notification) {
        match notification {
            Notification::Stopped => self.stopped = true,
            Notification::LocalCredentials { .. } => self.prepared = true,
            Notification::ComponentStateFailed {
                component_id,
                reason,
            } => {
                self.failure
                    .get_or_insert_with(|| format!("component {component_id} failed: {reason}"));
            }
            _ => {}
        }
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
