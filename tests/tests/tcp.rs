//! ICE-TCP over loopback, and what strangers can do to a listener.
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The listener's side.
const SERVER: Side = Side::B;
const STRANGERS: usize = 600;
/// Connections of strangers that a listener holds at most, and for how long.
const HELD: usize = 64;
const HELD_FOR: Duration = Duration::from_secs(10);

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
    assert!(line.ends_with("typ host tcptype passive"), "{line}");
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

/// Bytes of memory that the server has.
fn resident(pair: &Pair) -> usize {
    let file = format!("/proc/{}/statm", pair.process_id(SERVER));
    let pages = fs::read_to_string(file).expect("it runs");
    let pages: usize = pages
        .split(' ')
        .nth(1)
        .expect("a field")
        .parse()
        .expect("a number");
    pages * 4096
}

/// What a stranger says: nothing, what is no frame's whole, frames of nonsense, or a request to nobody.
fn strange(number: usize) -> Vec<u8> {
    match number % 4 {
        0 => Vec::new(),
        1 => b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec(),
        2 => [0, 4, 1, 2, 3, 4, 0, 0, 0xff].to_vec(),
        _ => vec![0xff; 4000],
    }
}

#[cfg(target_os = "linux")]
#[test]
fn strangers_neither_stop_a_stream_nor_use_up_the_listener() {
    let (mut pair, listener) = connect();
    exchange(&mut pair, 0);
    let (files, memory) = (open_files(&pair), resident(&pair));
    let mut strangers = Vec::new();
    for number in 0..STRANGERS {
        let mut stranger = TcpStream::connect(listener).expect("it listens");
        // It may have been closed already.
        let _ = stranger.write_all(&strange(number));
        strangers.push(stranger);
        if number % 50 == 0 {
            exchange(&mut pair, 1 + number);
            assert!(
                open_files(&pair) <= files + HELD + 50,
                "{}",
                open_files(&pair)
            );
        }
    }
    exchange(&mut pair, STRANGERS + 1);
    assert!(resident(&pair) < memory + 16 * 1024 * 1024);
    let until = Instant::now() + HELD_FOR + Duration::from_secs(20);
    while open_files(&pair) > files {
        assert!(
            Instant::now() < until,
            "{} more files",
            open_files(&pair) - files
        );
        thread::sleep(Duration::from_millis(100));
    }
    // Each was told.
    for mut stranger in strangers {
        let mut rest = Vec::new();
        assert_eq!(stranger.read_to_end(&mut rest).unwrap_or_default(), 0);
    }
    exchange(&mut pair, STRANGERS + 2);
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
