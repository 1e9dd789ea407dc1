//! A trace of `handclasp stream`: one side, and what it sees of its peer.
use crate::support::{handclasp, read, succeed, text};
use handclasp::trace::{Direction, Fate, Kind, What};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A stream without a peer. Killed when dropped.
struct Alone {
    child: Child,
    address: SocketAddr,
}

impl Alone {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let candidate = lines
            .by_ref()
            .filter_map(|line| serde_json::from_str(&line).ok())
            .find_map(|event: serde_json::Value| Some(event["candidate"].as_str()?.to_owned()))
            .expect("it gathers");
        // It would end if nobody could read what else it says.
        thread::spawn(move || lines.for_each(drop));
        let words: Vec<&str> = candidate.split(' ').collect();
        let address = format!("{}:{}", words[4], words[5]);
        let address = address.parse().expect("it is a host candidate");
        Self { child, address }
    }

    fn stop(mut self) {
        let mut stdin = self.child.stdin.take().expect("it is piped");
        writeln!(stdin, "{{\"message\":\"stop\"}}").expect("it reads");
        let status = self.child.wait().expect("it was started here");
        assert!(status.success());
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stream(file: &Path) -> Command {
    let mut command = handclasp(&["stream", "--plugin", "dtls-srtp", "--address", "127.0.0.1"]);
    command.args(["--name", "here", "--trace"]).arg(file);
    command
}

/// Once the stream has taken the datagram in, which the trace tells.
fn wait_for_stray(file: &Path) {
    let is_stray = |what: &What| matches!(what, What::Datagram(it) if it.fate == Some(Fate::Stray));
    let is_told = || {
        let trace = read(file);
        trace.records.iter().any(|record| is_stray(&record.what))
    };
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_told() {
        assert!(Instant::now() < give_up, "it is never told");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_stranger_is_told_and_nothing_of_what_it_says() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("here.jsonl");
    let alone = Alone::start(&mut stream(&file));
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let sent = stranger.send_to(b"knock, knock", alone.address);
    assert_eq!(sent.expect("loopback takes it"), 12);
    wait_for_stray(&file);
    let local = alone.address;
    alone.stop();

    let trace = read(&file);
    assert!(trace.records.iter().all(|record| record.stream == "here"));
    let mut datagrams = trace
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Datagram(datagram) => Some(datagram),
            _ => None,
        });
    let stray = datagrams.next().expect("it is told");
    assert_eq!(
        (stray.direction, stray.kind, stray.bytes),
        (Direction::In, Kind::Other, 12)
    );
    let remote = stranger.local_addr().expect("it is bound");
    assert_eq!((stray.local, stray.remote), (local, remote));
    assert_eq!((stray.fate, &stray.contents), (Some(Fate::Stray), &None));
    assert!(datagrams.next().is_none());

    let ladder = text(&succeed(handclasp(&["trace"]).arg(&file)).stdout);
    let first = ladder.lines().next().expect("it has lines");
    assert_eq!(
        first.split_whitespace().collect::<Vec<_>>(),
        ["here", "peer"]
    );
    assert!(ladder.contains("│ stray ✗─"), "{ladder}");
}

#[test]
fn what_a_killed_process_leaves_behind_is_shown() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("here.jsonl");
    let mut alone = Alone::start(&mut stream(&file));
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    stranger
        .send_to(b"knock, knock", alone.address)
        .expect("loopback takes it");
    wait_for_stray(&file);
    alone.child.kill().expect("it was started here");
    alone.child.wait().expect("it was started here");

    let ladder = text(&succeed(handclasp(&["trace"]).arg(&file)).stdout);
    assert!(ladder.contains("│ stray ✗─"), "{ladder}");
}
