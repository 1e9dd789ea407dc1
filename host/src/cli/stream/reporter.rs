//! What the stream says, on its way from the event loop to standard output.
use handclasp::control::ErrorEvent;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Replies};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

/// What becomes a line, and the end.
pub(super) enum Line {
    Notification(Notification),
    Error(ErrorEvent),
    /// The stream is gone.
    End,
}

/// Most bytes of the peer's datagrams that wait for a slow reader of standard output.
const MAX_QUEUED: usize = 8 << 20;

/// Passes on what the stream says; never waits for whoever reads it.
pub(super) struct Reporter {
    lines: Sender<Line>,
    queued: Arc<AtomicUsize>,
    dropped: u64,
}

impl Reporter {
    pub(super) fn new(lines: Sender<Line>) -> Self {
        Self {
            lines,
            queued: Arc::default(),
            dropped: 0,
        }
    }

    /// Bytes of the peer's datagrams that have not been written yet.
    pub(super) fn queued(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.queued)
    }

    fn report(&self, line: Line) {
        // Nobody reads it any more once standard output is closed.
        let _ = self.lines.send(line);
    }

    fn take(&mut self, component_id: u16, datagram: &[u8]) {
        if self.queued.load(Ordering::Relaxed) + datagram.len() > MAX_QUEUED {
            self.dropped += 1;
            return;
        }
        self.say_dropped();
        self.notify(Notification::IcePayload {
            component_id,
            payload: datagram.to_vec(),
        });
    }

    fn say_dropped(&mut self) {
        if self.dropped > 0 {
            let warning = format!(
                "{} datagrams from the peer were dropped: read standard output faster",
                self.dropped
            );
            self.dropped = 0;
            self.report(Line::Notification(Notification::Warning { warning }));
        }
    }
}

impl Application for Reporter {
    fn notify(&mut self, notification: Notification) {
        if let Notification::IcePayload { payload, .. } = &notification {
            self.queued.fetch_add(payload.len(), Ordering::Relaxed);
        }
        self.report(Line::Notification(notification));
    }

    fn receive(&mut self, component_id: u16, datagram: &[u8], _replies: &mut Replies<'_>) {
        self.take(component_id, datagram);
    }

    fn refused(&mut self, number: Option<u64>, refused: Refused) {
        if let Some(line) = number {
            self.report(Line::Error(ErrorEvent {
                line,
                column: None,
                error: refused.to_string(),
            }));
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.report(Line::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_slow_reader_costs_datagrams_not_memory_and_is_told() {
        let (lines, read) = channel();
        let mut reporter = Reporter::new(lines);
        let queued = reporter.queued();
        for _ in 0..10 {
            reporter.take(1, &[7; 1 << 20]);
        }
        assert_eq!(
            (read.try_iter().count(), queued.load(Ordering::Relaxed)),
            (8, 8 << 20)
        );
        // Its reader has caught up.
        queued.store(0, Ordering::Relaxed);
        reporter.take(1, b"next");
        let Ok(Line::Notification(Notification::Warning { warning })) = read.try_recv() else {
            panic!("nothing is said of those that were dropped");
        };
        assert!(warning.starts_with("2 datagrams"), "{warning}");
        let next = read.try_recv();
        assert!(matches!(
            next,
            Ok(Line::Notification(Notification::IcePayload { .. }))
        ));
    }
}
