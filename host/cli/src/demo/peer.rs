//! One side of the demo.
use crate::signalling::Side;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// What a side reports, and when.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) at: Instant,
    pub(super) side: Side,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Notification(Notification),
    Refused(Refused),
    Payload {
        component_id: u16,
        payload: Vec<u8>,
    },
    /// A signal asks for the end; of neither side.
    Interrupted,
}

/// Passes everything on to the session.
pub(super) struct Reporter {
    pub(super) side: Side,
    pub(super) reports: Sender<Report>,
}

impl Reporter {
    fn report(&self, what: What) {
        // Nobody listens any more once the demo has ended.
        let _ = self.reports.send(Report {
            at: Instant::now(),
            side: self.side,
            what,
        });
    }
}

impl Application for Reporter {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        self.report(What::Notification(notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.report(What::Payload {
            component_id,
            payload: datagram.to_vec(),
        });
    }

    fn answer(&mut self, _: &mut Context<'_>, _: Option<u64>, answer: Result<(), Refused>) {
        if let Err(refused) = answer {
            self.report(What::Refused(refused));
        }
    }
}
