//! A panic in a callback ends its own stream, and nothing else.
use crate::peers::{host, open_pair, options};
use crate::report::{PATIENCE, Reporter, Reports, Seen, nothing_new};
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, Context, Host, SendError};
use handclasp_tests::await_that;
use std::sync::mpsc::{Sender, channel};

/// Where it panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Notify,
    Always,
    Receive,
    Answer,
    Drop,
}

/// An application that panics there.
struct Panics {
    at: At,
    reporter: Reporter,
    has_panicked: bool,
}

impl Panics {
    fn new(at: At, reporter: Reporter) -> Self {
        Self {
            at,
            reporter,
            has_panicked: false,
        }
    }

    fn panic_at(&mut self, at: At) {
        if self.at == At::Always || self.at == at && !self.has_panicked {
            self.has_panicked = true;
            panic!("as the test wants");
        }
    }
}

impl Application for Panics {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        let is_ready = matches!(notification, Notification::ComponentStateReady { .. });
        self.reporter.notify(context, notification);
        if is_ready || self.at == At::Always {
            self.panic_at(At::Notify);
        }
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.reporter.receive(context, component_id, datagram);
        self.panic_at(At::Receive);
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.reporter.answer(context, number, answer);
        self.panic_at(At::Answer);
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        self.panic_at(At::Drop);
    }
}

/// Sends back what it gets.
struct Echo;

impl Application for Echo {
    fn notify(&mut self, _: &mut Context<'_>, _: Notification) {}

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        context.reply(component_id, datagram);
    }
}

/// Says that it is ready, and passes on what it gets.
struct Client(Sender<Option<Vec<u8>>>);

impl Application for Client {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        match notification {
            // The test may be over.
            Notification::ComponentStateReady { .. } => drop(self.0.send(None)),
            Notification::ComponentStateFailed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, datagram: &[u8]) {
        let _ = self.0.send(Some(datagram.to_vec()));
    }
}

/// On so many event loops, streams that panic there, and between them sound ones whose data flows on.
fn others_go_on(loops: usize, at: At) {
    let host = host(loops);
    let (sender, got) = channel();
    let sound: Vec<_> = (0..loops * 2)
        .map(|_| open_pair(&host, "none", Client(sender.clone()), Echo))
        .collect();
    let recv = || got.recv_timeout(PATIENCE).expect("its loop turns");
    for _ in &sound {
        assert_eq!(recv(), None);
    }
    let reports = Reports::new();
    for round in 0..loops * 4 {
        let panics = Panics::new(at, reports.reporter(round));
        let (guilty, peer) = open_pair(&host, "none", panics, Echo);
        provoke(at, &guilty, &peer);
        if at == At::Drop {
            guilty.stop();
        }
        check_told(at, round, &reports);
        await_that("it takes nothing more", || guilty.has_ended());
        assert_eq!(guilty.send(nothing_new()), Err(SendError::Ended));
        assert_eq!(guilty.send_payload(1, b"late"), Err(SendError::Ended));
        for (client, _) in &sound {
            let text = format!("round {round}");
            let sent = client.send_payload(1, text.as_bytes());
            sent.expect("its loop runs");
            assert_eq!(recv(), Some(text.into_bytes()));
        }
    }
}

fn provoke(at: At, guilty: &handclasp::StreamHandle, peer: &handclasp::StreamHandle) {
    match at {
        At::Notify | At::Always | At::Drop => {}
        At::Receive => {
            // Until it is ready nothing reaches it.
            await_that("it has ended", || {
                let _ = peer.send_payload(1, b"a datagram");
                guilty.has_ended()
            });
        }
        At::Answer => {
            let sent = guilty.send_numbered(7, nothing_new());
            sent.expect("it runs");
        }
    }
}

/// The guilty stream is told that it has failed, and of its end last.
fn check_told(at: At, number: usize, reports: &Reports) {
    let mut told = Vec::new();
    for (of, seen) in reports.until_dropped(number) {
        assert_eq!(of, number);
        if let Seen::Notified(notification) = seen {
            told.push(notification);
        }
    }
    let last = told.pop();
    assert_eq!(last, Some(Notification::Stopped), "{told:?}");
    let failures: Vec<_> = told
        .iter()
        .filter_map(|it| match it {
            Notification::ComponentStateFailed { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    match at {
        At::Drop => assert!(failures.is_empty(), "{failures:?}"),
        _ => assert_eq!(failures, ["the application panicked: as the test wants"]),
    }
}

#[test]
fn a_panic_in_any_callback_fails_its_stream_and_no_other_of_one_loop() {
    for at in [At::Notify, At::Always, At::Receive, At::Answer, At::Drop] {
        others_go_on(1, at);
    }
}

#[test]
fn a_panic_in_any_callback_fails_its_stream_and_no_other_of_four_loops() {
    for at in [At::Notify, At::Always, At::Receive, At::Answer, At::Drop] {
        others_go_on(4, at);
    }
}

/// An application that owns the last host there is, and panics.
struct Owner {
    host: Option<Host>,
    reporter: Reporter,
}

impl Application for Owner {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        let is_start = matches!(notification, Notification::LocalCredentials { .. });
        self.reporter.notify(context, notification);
        assert!(!is_start || self.host.is_none(), "as the test wants");
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn a_panic_of_the_owner_of_the_last_host_ends_the_host_in_order() {
    for loops in [1, 4] {
        let (reports, host) = (Reports::new(), host(loops));
        let owner = Owner {
            host: Some(host.clone()),
            reporter: reports.reporter(0),
        };
        let innocent: Vec<_> = (1..=loops)
            .map(|number| host.open(options("none"), reports.reporter(number)))
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error}"));
        let guilty = host.open(options("none"), owner);
        let guilty = guilty.unwrap_or_else(|error| panic!("{error}"));
        drop(host);
        let mut stopped = 0;
        while stopped <= loops {
            stopped += usize::from(matches!(
                reports.next(),
                (_, Seen::Notified(Notification::Stopped))
            ));
        }
        await_that("the host has ended", || {
            innocent.iter().all(|it| it.has_ended())
                && guilty.send(Message::Close) == Err(SendError::HostEnded)
        });
    }
}
