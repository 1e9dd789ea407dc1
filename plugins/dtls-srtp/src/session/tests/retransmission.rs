use super::link::*;
use crate::parameters::Version;
use std::time::Duration;

const VERSIONS: [Version; 3] = [Version::Auto, Version::Dtls12, Version::Dtls13];
const LIMIT: Duration = Duration::from_secs(5);
const LOST: Conditions = Conditions {
    loss_percent: 100,
    ..PERFECT
};

/// When an end sent something in so much time, in ms from now.
fn sending_times(link: &mut Link, index: usize, time: Duration) -> Vec<u64> {
    let start = link.now;
    let limit = start + time;
    let mut times = Vec::new();
    while link.now < limit {
        let sent = link.ends[index].sent.len();
        let left = Duration::from_nanos(limit.as_nanos() - link.now.as_nanos());
        if link.run(left, |link| link.ends[index].sent.len() > sent) {
            times.push((link.now.as_nanos() - start.as_nanos()) / 1_000_000);
        }
    }
    times
}

fn assert_rhythm(times: &[u64], at_least: usize) {
    assert!(times[0] <= 250, "first retry after {} ms", times[0]);
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 1_000), "{gaps:?}");
    assert!(gaps[0] < gaps[3], "{gaps:?}");
    assert!(times.len() >= at_least, "{} retries", times.len());
}

#[test]
fn an_unanswered_hello_is_repeated_every_second_beyond_the_usual_timeout() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], LOST, 1);
        link.start();
        let times = sending_times(&mut link, INITIATOR, Duration::from_secs(40));
        assert_rhythm(&times, 40);
        assert!(link.ends[INITIATOR].failure.is_none());
    }
}

#[test]
fn an_unanswered_flight_of_the_responder_is_repeated_too() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], LOST, 1);
        link.start();
        let hello = link.ends[INITIATOR].sent[0].clone();
        link.deliver(RESPONDER, &hello);
        let times = sending_times(&mut link, RESPONDER, Duration::from_secs(28));
        assert_rhythm(&times, 28);
    }
}

#[test]
fn silence_for_an_hour_is_survived() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], LOST, 1);
        link.start();
        let hello = link.ends[INITIATOR].sent[0].clone();
        link.deliver(RESPONDER, &hello);
        assert!(!link.finish(Duration::from_secs(3600)));
        assert!(link.ends.iter().all(|end| end.failure.is_none()));
    }
}

#[test]
fn datagrams_that_change_nothing_do_not_put_a_retry_off() {
    let mut link = Link::new([Version::Auto; 2], LOST, 1);
    link.start();
    for _ in 0..1_000 {
        link.run(Duration::from_millis(10), |_| false);
        link.deliver(INITIATOR, &[22, 0xfe, 0xfd, 0, 0]);
    }
    assert!(link.ends[INITIATOR].sent.len() > 10);
}

#[test]
fn a_lost_last_flight_is_sent_again() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        assert!(
            link.start()
                .run(LIMIT, |link| link.ends.iter().any(|end| end.keys.is_some()))
        );
        link.lose_all();
        assert!(link.finish(LIMIT), "{version:?}");
    }
}

#[test]
fn a_dtls_12_retry_that_comes_after_both_finished_is_answered() {
    let mut link = Link::new([Version::Dtls12; 2], PERFECT, 1);
    assert!(link.start().finish(LIMIT));
    let last_flight = link.ends[INITIATOR]
        .sent
        .last()
        .expect("it has spoken")
        .clone();
    let answered = link.ends[RESPONDER].sent.len();
    link.deliver(RESPONDER, &last_flight);
    assert!(link.ends[RESPONDER].sent.len() > answered);
}

#[test]
fn a_dtls_13_initiator_repeats_its_last_flight_until_it_is_acknowledged() {
    let mut link = Link::new([Version::Dtls13; 2], PERFECT, 1);
    assert!(link.start().finish(LIMIT));
    for _ in 0..3 {
        link.lose_all();
        let repeated = link.ends[INITIATOR].sent.len();
        assert!(link.run(LIMIT, |link| link.ends[INITIATOR].sent.len() > repeated));
    }
    link.run(LIMIT, |_| false);
    assert!(link.ends[INITIATOR].deadline.is_none());
}

#[test]
fn finished_and_acknowledged_ends_want_no_more_calls() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        assert!(link.start().finish(LIMIT));
        link.run(LIMIT, |_| false);
        assert!(
            link.ends.iter().all(|end| end.deadline.is_none()),
            "{version:?}"
        );
    }
}

#[test]
fn a_hello_may_come_before_ready_and_twice() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        let now = link.now;
        link.call(INITIATOR, |session, sink| session.start(now, sink));
        let (_, hello) = link.intercept().expect("a first flight");
        link.deliver(RESPONDER, &hello);
        link.deliver(RESPONDER, &hello);
        assert!(
            !link.ends[RESPONDER].sent.is_empty(),
            "the host keeps it until READY"
        );
        link.call(RESPONDER, |session, sink| session.start(now, sink));
        assert!(link.finish(LIMIT), "{version:?}");
    }
}

#[test]
fn an_initiator_is_silent_until_ready() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        let now = link.now;
        link.deliver(INITIATOR, &[22; 100]);
        link.call(INITIATOR, |session, sink| session.step(now, sink));
        assert!(link.ends[INITIATOR].sent.is_empty());
        assert!(link.start().finish(LIMIT));
    }
}

#[test]
fn closing_tells_the_peer_which_keeps_its_keys() {
    for version in VERSIONS {
        for closing in [INITIATOR, RESPONDER] {
            let mut link = Link::new([version; 2], PERFECT, 1);
            assert!(link.start().finish(LIMIT));
            link.run(LIMIT, |_| false);
            link.close(closing);
            link.run(LIMIT, |_| false);
            let peer = &link.ends[1 - closing];
            let reason = peer.failure.as_ref().expect("it was told");
            assert!(format!("{reason:?}").contains("ClosedByPeer"), "{reason:?}");
            assert!(peer.keys.is_some());
        }
    }
}

#[test]
fn closing_before_the_end_of_the_handshake_says_nothing() {
    for version in VERSIONS {
        let mut link = Link::new([version; 2], PERFECT, 1);
        link.start();
        let sent = link.ends[INITIATOR].sent.len();
        link.close(INITIATOR);
        link.close(RESPONDER);
        assert_eq!(link.ends[INITIATOR].sent.len(), sent);
        assert!(link.ends.iter().all(|end| end.failure.is_none()));
    }
}
