//! What the stream says, on its way from the event loop to standard output.
use super::lines::{Line, Lines};
use handclasp::control::ErrorEvent;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context};
use std::sync::Arc;

/// Passes on what the stream says; never waits for whoever reads it.
pub(super) struct Reporter {
    lines: Arc<Lines>,
}

impl Reporter {
    pub(super) fn new(lines: Arc<Lines>) -> Self {
        Self { lines }
    }
}

impl Application for Reporter {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        self.lines.push(Line::Notification(notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.lines.push_datagram(component_id, datagram);
    }

    fn answer(&mut self, _: &mut Context<'_>, number: Option<u64>, answer: Result<(), Refused>) {
        if let (Some(line), Err(refused)) = (number, answer) {
            self.lines.push(Line::Error(ErrorEvent {
                line,
                column: None,
                error: refused.to_string(),
            }));
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.lines.push(Line::End);
    }
}
