//! The end of a host, wherever it is dropped and whatever runs.
use crate::peers::{host, options};
use crate::report::{PATIENCE, Reports, Seen, nothing_new};
use handclasp::stream::{Message, Notification};
use handclasp::{Application, Context, Host, OpenError, SendError};
use handclasp_tests::{await_that, in_time};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Drops a clone of its host when it is told to, in its callback.
struct Careful {
    host: Option<Host>,
    done: Sender<()>,
}

impl Application for Careful {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if matches!(notification, Notification::LocalCredentials { .. }) {
            drop(self.host.take());
        }
        if notification == Notification::Stopped {
            // The test waits for it.
            let _ = self.done.send(());
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn the_last_clone_may_be_dropped_in_a_callback() {
    for round in 0..100 {
        let (done, stopped) = channel();
        let host = host(1 + round % 4);
        let careful = Careful {
            host: Some(host.clone()),
            done,
        };
        let stream = host.open(options("none"), careful);
        let stream = stream.unwrap_or_else(|error| panic!("{error}"));
        drop(host);
        let told = stopped.recv_timeout(PATIENCE);
        told.expect("the host has ended, and its stream was told");
        await_that("the host has ended", || {
            stream.send(nothing_new()) == Err(SendError::HostEnded)
        });
    }
}

#[test]
fn every_stream_hears_its_end_when_its_host_is_dropped() {
    for (loops, plugin) in [(1, "none"), (2, "dtls-srtp")] {
        const STREAMS: usize = 1000;
        let (reports, host) = (Reports::new(), host(loops));
        let streams: Vec<_> = (0..STREAMS)
            .map(|number| {
                let opened = host.open(options(plugin), reports.reporter(number));
                opened.unwrap_or_else(|error| panic!("{error}"))
            })
            .collect();
        drop(host);
        let mut told = vec![Vec::new(); STREAMS];
        for (number, seen) in reports.drain() {
            told[number].push(seen.is_stopped());
        }
        for (number, told) in told.iter().enumerate() {
            let stopped = told.iter().filter(|is| **is == Some(true)).count();
            assert_eq!(stopped, 1, "stream {number}");
            let end = &told[told.len() - 2..];
            assert_eq!(end, [Some(true), None], "stream {number}: its last word");
        }
        for stream in &streams {
            assert_eq!(stream.send(nothing_new()), Err(SendError::HostEnded));
        }
    }
}

impl Seen {
    /// Whether it is the last notification; nothing for the application's own end.
    fn is_stopped(&self) -> Option<bool> {
        match self {
            Self::Dropped => None,
            seen => Some(matches!(seen, Self::Notified(Notification::Stopped))),
        }
    }
}

/// Holds its event loop until the test lets go.
struct Holds {
    begun: Sender<()>,
    gate: Receiver<()>,
}

impl Application for Holds {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if matches!(notification, Notification::LocalCredentials { .. }) {
            self.begun.send(()).expect("the test waits for it");
            let _ = self.gate.recv();
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn a_shutdown_ends_within_its_time_and_says_what_still_runs() {
    let host = host(1);
    let (begun, has_begun) = channel();
    let (open_gate, gate) = channel();
    let stream = host.open(options("none"), Holds { begun, gate });
    let stream = stream.unwrap_or_else(|error| panic!("{error}"));
    let begun = has_begun.recv_timeout(PATIENCE);
    begun.expect("its loop turns");
    let still = host.shutdown(Duration::from_millis(50));
    let still = still.expect_err("a callback has not returned");
    assert_eq!((still.loops, still.init), (1, false));
    assert!(
        still
            .to_string()
            .starts_with("still running: 1 event loop;"),
        "{still}"
    );
    // A second one may be asked for, and again after the end.
    drop(open_gate);
    for _ in 0..2 {
        let ended = host.shutdown(Duration::MAX);
        ended.expect("nothing holds it any more");
    }
    let refused = host.open(options("none"), Reports::new().reporter(0));
    assert!(matches!(refused, Err(OpenError::ShutDown)), "{refused:?}");
    assert_eq!(stream.send(nothing_new()), Err(SendError::HostEnded));
    let begun = Instant::now();
    drop(host);
    assert!(begun.elapsed() < PATIENCE);
}

/// Shuts its host down in a callback.
struct ShutsDown {
    host: Option<Host>,
    done: Sender<usize>,
}

impl Application for ShutsDown {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if let Some(host) = self.host.take() {
            let begun = Instant::now();
            let still = host.shutdown(PATIENCE).expect_err("its own loop runs");
            assert!(begun.elapsed() < Duration::from_secs(5), "it waited");
            self.done.send(still.loops).expect("the test waits for it");
        }
        if notification == Notification::Stopped {
            self.done.send(0).expect("the test waits for it");
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn a_shutdown_in_a_callback_waits_for_nothing() {
    let (done, told) = channel();
    let host = host(1);
    // An `init` under way is not waited for, either.
    let slow = options("slow-init").plugin_option("sleep-ms", "8000");
    let slow = host.open(slow, Reports::new().reporter(0));
    let _slow = slow.unwrap_or_else(|error| panic!("{error}"));
    let application = ShutsDown {
        host: Some(host.clone()),
        done,
    };
    let stream = host.open(options("none"), application);
    let _stream = stream.unwrap_or_else(|error| panic!("{error}"));
    let next = || told.recv_timeout(PATIENCE).expect("its loop turns");
    assert_eq!((next(), next()), (1, 0));
    in_time("the host ends", move || host.shutdown(Duration::MAX)).expect("all of it");
}

#[test]
fn numbered_messages_are_answered_once_and_stopped_is_the_last_word() {
    let host = host(1);
    for round in 0..50 {
        let reports = Reports::new();
        let opened = host.open(options("none"), reports.reporter(0));
        let stream = opened.unwrap_or_else(|error| panic!("{error}"));
        let mut sent = Vec::new();
        let mut send = |message: Message| {
            let number = sent.len() as u64;
            if stream.send_numbered(number, message).is_ok() {
                sent.push(number);
            }
        };
        for _ in 0..round % 5 {
            send(Message::GatherCandidates); // refused, or not
        }
        send(Message::Stop);
        for _ in 0..20 {
            send(nothing_new());
            // What is taken is sent or told of.
            let _ = stream.send_payload(1, b"to nobody");
        }
        let mut told = reports.until_dropped(0);
        assert!(matches!(told.pop(), Some((0, Seen::Dropped))));
        let last = told.pop();
        assert!(
            matches!(last, Some((0, Seen::Notified(Notification::Stopped)))),
            "{last:?} after {told:?}"
        );
        let mut answered = Vec::new();
        for (_, seen) in &told {
            match seen {
                Seen::Answered(Some(number), _) => answered.push(*number),
                Seen::Notified(Notification::Stopped) => panic!("twice"),
                _ => {}
            }
        }
        assert_eq!(answered, sent);
        assert_eq!(
            stream.send_numbered(99, Message::Stop),
            Err(SendError::Ended)
        );
    }
}

#[test]
fn answers_come_behind_what_their_messages_caused() {
    let (reports, host) = (Reports::new(), host(1));
    let opened = host.open(options("none"), reports.reporter(0));
    let stream = opened.unwrap_or_else(|error| panic!("{error}"));
    while !matches!(
        reports.next(),
        (_, Seen::Notified(Notification::CandidateGatheringDone))
    ) {}
    let sent = stream.send_numbered(1, Message::GenerateLocalSdp);
    sent.expect("it runs");
    let wrong = Message::ParseRemoteSdp {
        sdp: "no description".to_owned(),
    };
    stream.send_numbered(2, wrong.clone()).expect("it runs");
    stream.send(wrong).expect("it runs");
    let told = [(); 4].map(|()| reports.next().1);
    assert!(
        matches!(
            &told,
            [
                Seen::Notified(Notification::LocalSdp { .. }),
                Seen::Answered(Some(1), Ok(())),
                Seen::Answered(Some(2), Err(_)),
                Seen::Answered(None, Err(_)),
            ]
        ),
        "{told:?}"
    );
}
