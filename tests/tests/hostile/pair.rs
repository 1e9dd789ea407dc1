//! Two streams that are each other's peers, over loopback.
use crate::support::Workshop;
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, BindOptions, Context, Host, StreamHandle, StreamOptions};
use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What one of the two reports.
#[derive(Debug)]
pub(crate) enum Report {
    Notification(Notification),
    Payload(u16, Vec<u8>),
}

/// Both streams, and the signalling between them.
pub(crate) struct Pair {
    streams: [StreamHandle; 2],
    reports: Receiver<(usize, Report)>,
    tamper: Box<dyn FnMut(usize, Message) -> Option<Message>>,
}

struct Reporter {
    side: usize,
    reports: Sender<(usize, Report)>,
}

/// Far longer than anything here takes: a test that fails says so, and does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

impl Application for Reporter {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        let _ = self
            .reports
            .send((self.side, Report::Notification(notification)));
    }

    fn receive(&mut self, _: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        let report = Report::Payload(component_id, datagram.to_vec());
        let _ = self.reports.send((self.side, report));
    }

    fn answer(&mut self, _: &mut Context<'_>, _: Option<u64>, _: Result<(), Refused>) {
        // Signalling goes on for a moment after a stream has ended.
    }
}

impl Pair {
    /// On loopback, with a journal if the plugin keeps one.
    pub(crate) fn open(host: &Host, options: StreamOptions) -> Self {
        let (sender, reports) = channel();
        let open = |side| {
            let options = options.clone().controlling(side == 0);
            let options = options.bind(BindOptions::new().address(Ipv4Addr::LOCALHOST));
            let reports = sender.clone();
            let stream = host.open(options, Box::new(Reporter { side, reports }));
            stream.expect("the plugin can be opened")
        };
        let streams = [open(0), open(1)];
        Self {
            streams,
            reports,
            tamper: Box::new(|_, message| Some(message)),
        }
    }

    /// The streams of a plugin that keeps the workshop's journal.
    pub(crate) fn of(
        workshop: &Workshop,
        host: &Host,
        plugin: &str,
        n_components: u16,
        options: &[(&str, &str)],
    ) -> Self {
        let stream_options = StreamOptions::new(plugin)
            .plugin_options(options.iter().copied())
            .plugin_options([workshop.journal_option()])
            .components(n_components);
        Self::open(host, stream_options)
    }

    /// Changes or withholds what is on its way to a side.
    pub(crate) fn tamper(
        &mut self,
        tamper: impl FnMut(usize, Message) -> Option<Message> + 'static,
    ) {
        self.tamper = Box::new(tamper);
    }

    pub(crate) fn tell(&self, side: usize, message: Message) {
        self.streams[side].send(message).expect("its loop keeps up");
    }

    fn send(&self, side: usize, component_id: u16, payload: &[u8]) {
        let sent = self.streams[side].send_payload(component_id, payload);
        sent.expect("it runs, and its loop keeps up");
    }

    /// Carries signalling until `is_enough`.
    #[track_caller]
    pub(crate) fn run_until(
        &mut self,
        goal: &str,
        mut is_enough: impl FnMut(usize, &Report) -> bool,
    ) {
        let mut seen = Vec::new();
        loop {
            let Ok((side, report)) = self.reports.recv_timeout(PATIENCE) else {
                panic!("no {goal} after {PATIENCE:?}:\n{}", seen.join("\n"));
            };
            if let Report::Notification(notification) = &report {
                self.signal(side, notification);
            }
            if is_enough(side, &report) {
                return;
            }
            seen.push(format!("{side}: {report:?}"));
        }
    }

    /// Carries signalling until both sides of a component have sent each other a datagram.
    #[track_caller]
    pub(crate) fn exchange(&mut self, component_id: u16) {
        // The first byte is RTP's, which no handshake here claims.
        let payload = |from: usize| [0x80, from as u8];
        let mut missing = vec![0, 1];
        for side in [0, 1] {
            self.send(side, component_id, &payload(side));
        }
        self.run_until("datagrams both ways", |side, report| {
            if let Report::Payload(id, received) = report
                && *id == component_id
                && *received == payload(1 - side)
            {
                missing.retain(|waiting| *waiting != side);
            }
            missing.is_empty()
        });
    }

    /// Carries signalling until both sides report a component ready.
    #[track_caller]
    pub(crate) fn get_ready(&mut self, component_id: u16) {
        let mut missing = vec![0, 1];
        self.run_until("component ready on both sides", |side, report| {
            if is_ready(report, component_id) {
                missing.retain(|waiting| *waiting != side);
            }
            missing.is_empty()
        });
    }

    fn signal(&mut self, from: usize, notification: &Notification) {
        let role = [Role::Responder, Role::Initiator][from];
        let Some(message) = notification.for_peer(role) else {
            return;
        };
        if let Some(message) = (self.tamper)(1 - from, message) {
            self.streams[1 - from]
                .send(message)
                .expect("its loop keeps up");
        }
    }
}

pub(crate) fn is_ready(report: &Report, component_id: u16) -> bool {
    matches!(
        report,
        Report::Notification(Notification::ComponentStateReady { component_id: id, .. }) if *id == component_id
    )
}

/// Why a component failed, if that is what the report says.
pub(crate) fn failure(report: &Report, component_id: u16) -> Option<String> {
    match report {
        Report::Notification(Notification::ComponentStateFailed {
            component_id: id,
            reason,
        }) if *id == component_id => Some(reason.to_string()),
        _ => None,
    }
}
