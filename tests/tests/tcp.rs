//! ICE-TCP over loopback, and what strangers can do to a listener.
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use handclasp_tests::{binding_request, resident};
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The listener's side.
const SERVER: Side = Side::B;
const STRANGERS: usize = 600;
/// Connections of strangers that a listener holds at most, and for how long.
const HELD: usize = 64;
const HELD_FOR: Duration = Duration::from_secs(10);
const OFFENDERS: usize = 2000;
/// Bytes of a fourth of them.
const LONG: usize = 60_000;
/// Bytes that come from offenders, at least, and how many may be left of them in the allocator's hands.
const SENT: usize = OFFENDERS / 4 * LONG;
const LEFT_BEHIND: usize = SENT / 8;

fn connect() -> (Pair, SocketAddr) {
    let commands = ["active", "passive"].map(|mode| {
        let mut stream = handclasp_stream();
        stream.args(["--plugin", "dtls-srtp", "--address", "127.0.0.1"]);
        stream.args(["--no-udp", "--tcp", mode]);
        if mode == "active" {
            stream.arg("--controlling");
        }
        stream
    });
    let mut pair = Pair::start(commands, Some(Side::A));
    let said = pair.expect(SERVER, "new_candidate_full");
    let line = said["candidate"].as_str().expect("a line");
    assert!(line.contains(" typ host tcptype passive ufrag "), "{line}");
    let port = line.split(' ').nth(5).and_then(|port| port.parse().ok());
    let listener = (Ipv4Addr::LOCALHOST, port.expect("a port")).into();
    for side in Side::BOTH {
        let selected = pair.expect(side, "new_selected_pair");
        assert_eq!(selected["transport"], "tcp");
        pair.expect(side, "component_state_ready");
    }
    (pair, listener)
}

/// Nothing is lost over TCP.
fn exchange(pair: &mut Pair, round: usize) {
    for side in Side::BOTH {
        let payload = [&[0x80], format!("{round} from {side:?}").as_bytes()].concat();
        pair.send_payload(side, &payload);
        let event = pair.expect(side.other(), "ice_payload");
        assert_eq!(bytes(&event, "payload"), payload);
    }
}

fn open_files(pair: &Pair) -> usize {
    let directory = format!("/proc/{}/fd", pair.process_id(SERVER));
    fs::read_dir(directory).expect("it runs").count()
}

/// What a stranger says whom the listener gives time: nothing, or the beginning of a frame.
fn hesitate(number: usize) -> &'static [u8] {
    let words: [&[u8]; 2] = [b"", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"];
    words[number % words.len()]
}

/// What a stranger is sent away for: frames of nonsense, most of the longest frame, a request to nobody, and one to
/// the listener's stream without its password.
fn offend(number: usize, ufrag: &str) -> Vec<u8> {
    let request = |ufrag: &str| {
        let request = binding_request(
            &format!("{ufrag}:stranger"),
            "a password of another stream's",
            false,
        );
        let length = u16::try_from(request.len()).expect("it is short");
        [&length.to_be_bytes()[..], &request].concat()
    };
    match number % 4 {
        0 => [0, 4, 1, 2, 3, 4, 0, 0, 0xff].to_vec(),
        1 => vec![0xff; LONG],
        2 => request("nobody"),
        _ => request(ufrag),
    }
}

/// Connects, and says this.
fn meet(listener: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stranger = TcpStream::connect(listener).expect("it listens");
    // It may have been closed already.
    let _ = stranger.write_all(words);
    stranger
}

/// The connection ends soon, and without a word.
fn expect_end(stranger: &mut TcpStream) {
    let soon = Some(HELD_FOR / 2);
    stranger.set_read_timeout(soon).expect("it is not zero");
    match stranger.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn strangers_neither_stop_a_stream_nor_use_up_the_listener() {
    let (mut pair, listener) = connect();
    exchange(&mut pair, 0);
    let files = open_files(&pair);
    let mut strangers = Vec::new();
    for number in 0..STRANGERS {
        strangers.push(meet(listener, hesitate(number)));
        if number % 50 == 0 {
            exchange(&mut pair, 1 + number);
            let open = open_files(&pair);
            assert!(open <= files + HELD + 50, "{open}");
        }
    }
    exchange(&mut pair, STRANGERS + 1);
    let until = Instant::now() + HELD_FOR + Duration::from_secs(20);
    while open_files(&pair) > files {
        assert!(
            Instant::now() < until,
            "{} more files",
            open_files(&pair) - files
        );
        thread::sleep(Duration::from_millis(100));
    }
    strangers.iter_mut().for_each(expect_end);
    exchange(&mut pair, STRANGERS + 2);
}

#[cfg(target_os = "linux")]
#[test]
fn strangers_who_offend_are_sent_away_at_once_and_leave_nothing_behind() {
    let (mut pair, listener) = connect();
    let credentials = pair.expect(SERVER, "local_credentials");
    let credentials = credentials["credentials"].as_str().expect("a line");
    let (ufrag, _) = credentials.split_once(' ').expect("ufrag and password");
    exchange(&mut pair, 0);
    let server = pair.process_id(SERVER);
    let memory = resident(server);
    for number in 0..OFFENDERS {
        expect_end(&mut meet(listener, &offend(number, ufrag)));
        if number % 50 == 0 {
            exchange(&mut pair, 1 + number);
        }
    }
    let grown = resident(server).saturating_sub(memory);
    assert!(grown < LEFT_BEHIND, "{grown} of {SENT} bytes");
    exchange(&mut pair, OFFENDERS + 1);
}

#[test]
fn many_datagrams_arrive_in_order_and_whole() {
    let (mut pair, _) = connect();
    for size in [1, 1200, 60_000] {
        for round in 0..50_u8 {
            let payload = [vec![0x80, round], vec![round; size]].concat();
            pair.send_payload(Side::A, &payload);
        }
        for round in 0..50_u8 {
            let event = pair.expect(Side::B, "ice_payload");
            let payload = bytes(&event, "payload");
            assert_eq!((payload.len(), payload[1]), (size + 2, round));
        }
    }
}
