//! The ready-made application: what is read late is dropped and counted, and the end is told in any case.
use crate::peers::{host, open_pair, options};
use crate::report::PATIENCE;
use handclasp::stream::{Message, Notification};
use handclasp::{Application, Context, Event, TimedOut, channel};
use std::time::Duration;

/// Takes no notice.
struct Nobody;

impl Application for Nobody {
    fn notify(&mut self, _: &mut Context<'_>, _: Notification) {}
    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn a_channel_hands_on_what_streams_are_told_and_ends_with_the_last_of_them() {
    let host = host(2);
    let (application, events) = channel();
    let streams: Vec<_> = (0..10)
        .map(|_| host.open(options("none"), application.clone()))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"));
    for stream in &streams {
        let sent = stream.send_numbered(stream.id(), Message::Stop);
        sent.expect("it runs");
    }
    drop(application);
    let (mut answered, mut stopped) = (Vec::new(), Vec::new());
    for (stream, event) in events {
        match event {
            Event::Notification(Notification::Stopped) => stopped.push(stream.id()),
            Event::Answer { number, answer } => {
                answer.expect("a stream can always be stopped");
                answered.push(number.expect("it has one"));
            }
            _ => assert!(!stopped.contains(&stream.id()), "{event:?}"),
        }
    }
    let mut expected: Vec<_> = streams.iter().map(|it| it.id()).collect();
    for told in [&mut answered, &mut stopped] {
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, &expected);
    }
}

#[test]
fn what_a_slow_reader_misses_is_counted_and_the_end_is_told() {
    const SENT: u32 = 3000;
    let host = host(1);
    let (application, events) = channel();
    let (slow, talker) = open_pair(&host, "none", application, Nobody);
    let mut seen = Vec::new();
    let next = || {
        let event = events.recv_timeout(PATIENCE);
        event.expect("something happens").map(|(_, event)| event)
    };
    let is_ready = |event: &Option<Event>| {
        matches!(
            event,
            Some(Event::Notification(
                Notification::ComponentStateReady { .. }
            ))
        )
    };
    while !is_ready(&next()) {}
    // Until the other side is ready as well nothing leaves.
    let mut sent = 0;
    while sent < SENT {
        for _ in 0..20 {
            let mut datagram = [0; 1200];
            datagram[..4].copy_from_slice(&sent.to_be_bytes());
            talker
                .send_payload(1, &datagram)
                .expect("its loop keeps up");
            sent += 1;
        }
        talker.flush().expect("it runs");
    }
    for stream in [&talker, &slow] {
        stream.stop();
    }
    handclasp_tests::await_that("both have ended", || slow.has_ended() && talker.has_ended());
    drop((slow, talker));
    drop(host);
    let mut dropped = 0;
    while let Some(event) = next() {
        match &event {
            Event::Payload { payload, .. } => seen.push(payload[..4].to_vec()),
            Event::Dropped { payloads, others } => {
                assert_eq!(*others, 0);
                dropped += payloads;
            }
            Event::Notification(Notification::Stopped) => break,
            _ => {}
        }
    }
    assert!(seen.len() <= (1 << 20) / 1200, "{}", seen.len());
    assert!(seen.is_sorted());
    let arrived = seen.len() as u64 + dropped;
    assert!(arrived <= u64::from(SENT) && dropped > 0, "{arrived}");
    assert!(next().is_none());
}

#[test]
fn nobody_is_waited_for() {
    let host = host(1);
    let (application, events) = channel();
    let nothing = events.recv_timeout(Duration::from_millis(1));
    assert_eq!(nothing.err(), Some(TimedOut));
    let nothing = events.recv_timeout(Duration::ZERO);
    assert_eq!(nothing.err(), Some(TimedOut));
    drop(events);
    let stream = host.open(options("none"), application);
    let stream = stream.unwrap_or_else(|error| panic!("{error}"));
    stream.flush().expect("its loop turns");
}
