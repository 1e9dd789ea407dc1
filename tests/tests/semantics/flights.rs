//! Flights of many datagrams, and what comes right behind them: statements 9, 10, 13, 15 and 17.
use crate::{ms, release, secs, withhold_ready};
use handclasp::component::Cause;
use handclasp_tests::{
    Backend, Event, Journal, Lacking, Party, Scripted, Side, World, built, for_each_backend, load,
    skip,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// As many as a plugin may send in one call.
const FLIGHT: usize = 64;

/// The datagrams that a call brought, in order.
fn brought(journal: &Journal) -> Vec<String> {
    let entries = journal.entries().into_iter();
    let datagrams = entries.filter(|entry| entry.call == "recv_from_peer");
    datagrams.map(|entry| entry.about).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn dropped(side: &Side, cause: Cause) -> usize {
    side.dropped.iter().filter(|it| **it == cause).count()
}

/// What the application of a side received, in order.
fn received(side: &Side) -> Vec<String> {
    let told = side.told(&["received"]);
    let payload = |line: &String| line["received 1 ".len()..].to_owned();
    told.iter().map(payload).collect()
}

#[test]
fn s09_a_flight_of_64_reaches_the_handshake_whole_and_in_order() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new().party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packets=64"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.run_for(secs(10));
        assert_eq!(brought(&journal), numbers(FLIGHT));
        assert_eq!(world.sides[0].stream.dropped(1), 0);
    });
}

#[test]
fn s09_two_flights_of_64_in_answer_to_each_other_finish_both_sides() {
    for_each_backend(|backend| {
        let finish_at_the_last = || {
            let mut lines = vec![""; FLIGHT - 1];
            lines.push("finish=keys");
            lines
        };
        let mut lines = finish_at_the_last();
        lines[FLIGHT - 1] = "packets=64 finish=keys";
        let (a, first) = Scripted::new().on("recv_from_peer", &lines).party();
        let (b, second) = Scripted::new()
            .on("connection_ready", &["packets=64"])
            .on("recv_from_peer", &finish_at_the_last())
            .party();
        let mut world = World::pair(backend, &a, &b);
        // So many calls take a while where each does.
        world.until(secs(60), |world| world.sides.iter().all(Side::is_ready));
        for journal in [first, second] {
            assert_eq!(brought(&journal), numbers(FLIGHT));
        }
    });
}

#[test]
fn s09_data_right_behind_the_last_datagram_of_a_handshake_is_the_applications() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .on("recv_from_peer", &["finish=keys"])
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packet=last finish=keys"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(10), |world| world.sides[1].is_ready());
        for number in numbers(20) {
            world.send(1, 1, number.as_bytes());
        }
        world.run_for(secs(10));
        assert_eq!(brought(&journal), ["last"]);
        assert_eq!(received(&world.sides[0]), numbers(20));
        let told = world.sides[0].told(&["handshake_data", "received"]);
        assert_eq!(
            told[0], "handshake_data 1 keys",
            "before what follows from it"
        );
    });
}

#[test]
fn s14_data_that_waited_is_overtaken_by_none() {
    for_each_backend(|backend| {
        let (a, journal) = Scripted::new()
            .with("CLASSIFY")
            .on("recv_from_peer", &["finish=keys"])
            .party();
        let (b, _other) = Scripted::new()
            .on("connection_ready", &["packet=?last finish=keys"])
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(10), |world| world.sides[1].is_ready());
        for datagram in ["m1", "?again", "m2", "?and again", "m3"] {
            world.send(1, 1, datagram.as_bytes());
        }
        for later in 4..=20 {
            world.run_for(ms(2));
            world.send(1, 1, format!("m{later}").as_bytes());
        }
        world.run_for(secs(1));
        assert_eq!(brought(&journal), ["?last", "?again", "?and again"]);
        let expected: Vec<_> = (1..=20).map(|number| format!("m{number}")).collect();
        assert_eq!(received(&world.sides[0]), expected);
    });
}

/// Side 0 is called for the first of 324 datagrams of 1200 bytes, and that call takes until `until`; its handshake may
/// take so many seconds.
fn flooded(backend: Backend, until: u64, handshake_timeout: u64) -> (World, Journal) {
    let flight = ["bytes=1200"; 54].join(" ") + " deadline=1";
    let (mut a, journal) = Scripted::new().party();
    a.handshake_timeout = secs(handshake_timeout);
    let (b, _other) = Scripted::new()
        .on("connection_ready", &[&flight])
        .on("on_deadline", &[flight.as_str(); 5])
        .party();
    let mut world = World::pair(backend, &a, &b);
    world.hold(0, "recv_from_peer", secs(until));
    // So many calls take a while where each does.
    world.run_for(secs(90));
    (world, journal)
}

#[test]
fn s09_what_waits_for_a_call_is_bounded_and_each_drop_is_told_once() {
    for_each_backend(|backend| {
        let (world, journal) = flooded(backend, 3, 90);
        let side = &world.sides[0];
        let (came, dropped) = (brought(&journal).len(), dropped(side, Cause::NoRoom));
        assert_eq!(came + dropped, 324);
        assert!(
            (200..220).contains(&came),
            "{came} of 1200 bytes in 256 KiB"
        );
        assert_eq!(side.stream.dropped(1), dropped as u64);
        let expected = format!(
            "warning component 1, plugin scripted: {dropped} datagrams of the peer's were dropped: a call into the \
             plugin was under way, and what waited for its end left no room"
        );
        assert_eq!(side.told(&["warning"]), [expected]);
    });
}

#[test]
fn s17_the_reason_tells_of_what_was_dropped() {
    for_each_backend(|backend| {
        let (world, _journal) = flooded(backend, 15, 5);
        let side = &world.sides[0];
        let dropped_for_room = dropped(side, Cause::NoRoom);
        let expected = format!(
            "failed 1 plugin scripted: handshake timed out 5 s after ICE connected: {dropped_for_room} datagrams of the \
             peer's were dropped: a call into the plugin was under way, and what waited for its end left no room"
        );
        assert_eq!(side.told(&["failed"]), [expected]);
        let at_the_end = dropped(side, Cause::Ended);
        assert!(dropped_for_room > 0);
        assert_eq!(
            dropped_for_room + at_the_end + 1,
            324,
            "all are accounted for"
        );
    });
}

#[test]
fn s10_a_flight_of_64_waits_for_ready() {
    for_each_backend(|backend| {
        let (slow, journal) = Scripted::new()
            .on("recv_from_peer", &["packets=64"; 3])
            .party();
        let (fast, _other) = Scripted::new()
            .on("connection_ready", &["packets=3"])
            .party();
        let mut world = World::pair(backend, &fast, &slow);
        withhold_ready(&mut world, 1);
        world.run_for(secs(3));
        assert_eq!(
            (
                journal.count("recv_from_peer"),
                world.sides[1].count("sent")
            ),
            (3, 0)
        );
        release(&mut world);
        world.until(secs(10), |world| world.sides[1].count("selected") > 0);
        let sent: Vec<_> = numbers(FLIGHT)
            .iter()
            .map(|it| format!("sent 1 {it}"))
            .collect();
        assert_eq!(world.sides[1].told(&["sent"]), [&sent[..]; 3].concat());
    });
}

/// A certificate and its key, made with the command `openssl` and these arguments.
fn certificate(directory: &Path, arguments: &[&str]) -> Result<[PathBuf; 2], Lacking> {
    let files = ["certificate.pem", "key.pem"].map(|name| directory.join(name));
    let mut command = Command::new("openssl");
    command
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=flights",
        ])
        .args(arguments)
        .arg("-out")
        .arg(&files[0])
        .arg("-keyout")
        .arg(&files[1])
        .stderr(Stdio::null());
    match command.status() {
        Ok(status) => assert!(status.success(), "openssl makes certificates"),
        Err(error) => {
            let cause = format!("cannot run openssl ({error}): install openssl");
            return Err(Lacking(cause));
        }
    }
    Ok(files)
}

/// Two sides with such a certificate each, told these MTUs, finish; at least one flight is as long as that.
fn finishes(arguments: &[&str], mtus: &[u16], flight: usize) -> Result<(), Lacking> {
    let plugin = load(&built("dtls-openssl")?);
    let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
    let [certificate, key] = certificate(directory.path(), arguments)?;
    let mut party = Party::new(plugin)
        .option("certificate", &certificate.to_string_lossy())
        .option("private-key", &key.to_string_lossy());
    let mut longest = 0;
    for &mtu in mtus {
        party.mtu = mtu;
        for_each_backend(|backend| {
            let mut world = World::pair(backend, &party, &party);
            world.connect();
            longest = world
                .sides
                .iter()
                .map(longest_flight)
                .fold(longest, usize::max);
            assert!(world.sides.iter().all(|side| side.stream.dropped(1) == 0));
        });
    }
    assert!(longest >= flight, "no flight of more than {longest}");
    Ok(())
}

/// The most datagrams that left at one time.
fn longest_flight(side: &Side) -> usize {
    let sent = side.log.iter();
    let sent = sent.filter(|(_, event)| matches!(event, Event::Sent(..)));
    let times: Vec<_> = sent.map(|(at, _)| *at).collect();
    let flights = times.chunk_by(|one, other| one == other);
    flights.map(<[_]>::len).max().unwrap_or_default()
}

/// So many names, of 60 bytes each in a certificate.
fn names(count: usize) -> String {
    let name =
        |number| format!("DNS:{number:03}.a-name-of-some-length-to-fill-the-room.example.org");
    let names: Vec<_> = (0..count).map(name).collect();
    format!("subjectAltName={}", names.join(","))
}

#[test]
fn s13_dtls_with_rsa_4096_finishes_at_a_small_mtu() {
    let arguments = ["-newkey", "rsa:4096", "-addext", &names(30)];
    if let Err(lacking) = finishes(&arguments, &[280, 320, 350], 13) {
        skip("flights of an RSA certificate", &lacking);
    }
}

#[test]
fn s13_dtls_with_a_certificate_of_12_kilobytes_finishes() {
    let curve = "ec_paramgen_curve:P-256";
    let arguments = ["-newkey", "ec", "-pkeyopt", curve, "-addext", &names(230)];
    if let Err(lacking) = finishes(&arguments, &[1200], 10) {
        skip("flights of a large certificate", &lacking);
    }
}
