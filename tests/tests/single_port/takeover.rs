//! Ports that pass from one host to another, while data flows on both.
use crate::moves::{PAIRS, Report, StopAt, host_options, open};
use crate::streams::PATIENCE;
use crate::{LOOPS, alone};
use handclasp::{Host, HostError, PassError, StreamHandle};
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// Pairs under way, and what is reported of them.
type Pairs = (Vec<[StreamHandle; 2]>, Receiver<Report>);

fn host(loops: usize) -> Host {
    Host::new(host_options().loops(loops)).expect("a host")
}

fn pairs(host: &Host) -> Pairs {
    open(host, "none", |_| StopAt::Never)
}

fn successor_of(host: &Host) -> Host {
    let passed = host.pass_ports().expect("its ports");
    Host::new(host_options().take_over(passed)).expect("a host that takes over")
}

/// Waits until so many ends have got all their datagrams, in order.
fn complete(pairs: &Pairs, ends: usize) {
    let mut complete = 0;
    while complete < ends {
        match pairs.1.recv_timeout(PATIENCE).expect("all arrives") {
            Report::Complete => complete += 1,
            Report::Wrong(wrong) => panic!("{wrong}"),
            Report::Stopped => panic!("nothing ends"),
            Report::Selected(_) | Report::Answered => {}
        }
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn no_datagram_is_lost_or_overtaken_where_ports_pass_and_the_first_host_ends() {
    let _alone = alone();
    for loops in LOOPS {
        let first = host(loops);
        let old = pairs(&first);
        // In the middle of their data.
        complete(&old, 1);
        let second = successor_of(&first);
        second.confirm_takeover();
        let new = pairs(&second);
        complete(&old, 2 * PAIRS - 1);
        complete(&new, 2 * PAIRS);
        let passed_on = first.arrivals().passed_on;
        assert!(passed_on > PAIRS as u64, "{passed_on}");
        assert_eq!(first.arrivals().not_passed_on, 0);
        let (of_first, of_second) = (first.takeover(), second.takeover());
        assert!(of_first.has_successor && !of_first.has_predecessor);
        assert!(of_second.has_predecessor && !of_second.has_successor);

        // Whoever comes third would receive beside the first.
        assert!(matches!(second.pass_ports(), Err(PassError::Predecessor)));
        let new = pairs(&second);
        complete(&new, PAIRS);
        drop(old);
        first.shutdown(PATIENCE).expect("it ends");
        drop(first);
        complete(&new, PAIRS);
        until("its links end", || !second.takeover().has_predecessor);
        let newer = pairs(&second);
        complete(&newer, 2 * PAIRS);

        // And once more.
        let third = successor_of(&second);
        third.confirm_takeover();
        let newest = pairs(&third);
        complete(&newest, PAIRS);
        drop((new, newer, second));
        complete(&newest, PAIRS);
    }
}

#[test]
fn whoever_has_not_confirmed_receives_nothing_and_costs_the_first_host_nothing() {
    let _alone = alone();
    for loops in [1, 2] {
        let first = host(loops);
        let old = pairs(&first);
        complete(&old, 1);
        let hesitant = successor_of(&first);
        // One that is asked for later takes its place.
        let second = successor_of(&first);
        thread::sleep(Duration::from_millis(50));
        assert!(!hesitant.takeover().has_predecessor, "its links have ended");
        complete(&old, 2 * PAIRS - 1);
        assert_eq!(hesitant.arrivals().datagrams, 0);
        drop((hesitant, second));
        until("it is told", || !first.takeover().has_successor);
        let strays = first.arrivals().strays;
        let stranger = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let passed = first.pass_ports().expect("its ports");
        let port = UdpSocket::from(passed.places[0].sockets[0].try_clone().expect("a copy"));
        let port = port.local_addr().expect("it is bound");
        drop(passed);
        until("it is told again", || !first.takeover().has_successor);
        stranger
            .send_to(&[0x80; 20], port)
            .expect("loopback takes it");
        until("it is nobody's", || first.arrivals().strays > strays);
        let again = pairs(&first);
        complete(&again, 2 * PAIRS);
    }
}

#[test]
fn a_successor_that_takes_nothing_holds_nobody_up_and_what_waits_for_it_is_bounded() {
    let _alone = alone();
    let first = host(1);
    let old = pairs(&first);
    complete(&old, 2 * PAIRS);
    let passed = first.pass_ports().expect("its ports");
    let port = UdpSocket::from(passed.places[0].sockets[0].try_clone().expect("a copy"));
    let port = port.local_addr().expect("it is bound");
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let deadline = Instant::now() + PATIENCE;
    while first.arrivals().not_passed_on == 0 {
        assert!(Instant::now() < deadline, "it is bounded");
        stranger
            .send_to(&[0x80; 1200], port)
            .expect("loopback takes it");
    }
    let waiting = first.arrivals().passed_on * 1200;
    assert!(waiting < 6 << 20, "{waiting}"); // and what the system keeps
    complete(&pairs(&first), 2 * PAIRS);
    // The end of the host is no later for it.
    let began = Instant::now();
    drop(old);
    first.shutdown(PATIENCE).expect("it ends");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn what_is_no_datagram_is_left_out_and_what_is_no_port_is_refused() {
    let _alone = alone();
    let first = host(1);
    assert!(matches!(first.pass_ports(), Err(PassError::None)));
    let old = pairs(&first);
    complete(&old, 2 * PAIRS);
    let mut passed = first.pass_ports().expect("its ports");
    let (mut ours, theirs) = UnixStream::pair().expect("two ends");
    passed.links[0] = theirs.into();
    let second = Host::new(host_options().take_over(passed)).expect("a host");
    second.confirm_takeover();
    for rubbish in [
        &[0, 1, 9][..],
        &[0, 0],
        &[0, 7, 4, 1, 2, 3, 4, 5, 6],
        &[0xff; 70_000],
    ] {
        ours.write_all(rubbish).expect("it is taken");
    }
    drop(ours);
    until("the link ends", || !second.takeover().has_predecessor);
    assert_eq!(second.arrivals().strays, 0);
    drop(second);

    let mut fewer = first.pass_ports().expect("its ports");
    fewer.links.clear();
    let refused = Host::new(host_options().take_over(fewer)).expect_err("there are no links");
    assert!(refused.to_string().contains("have 0 links"), "{refused}");
    let mut wrong = first.pass_ports().expect("its ports");
    let (one, mut other) = UnixStream::pair().expect("two ends");
    wrong.places[0].sockets[0] = one.into();
    let refused = Host::new(host_options().take_over(wrong)).expect_err("that is no UDP socket");
    assert!(matches!(refused, HostError::Loop(_)), "{refused}");
    assert_eq!(other.read(&mut [0]).ok(), Some(0), "it was closed");
    complete(&pairs(&first), 2 * PAIRS);
    let passed = first.pass_ports().expect("its ports");
    let more = host_options().loops(2).take_over(passed);
    let refused = Host::new(more).expect_err("it has one loop");
    assert!(
        matches!(refused, HostError::Passed { count: 1 }),
        "{refused}"
    );
}
