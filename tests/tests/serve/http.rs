//! Health, readiness, and whoever asks for them badly.
use handclasp_tests::{Daemon, await_that, fixture, free_tcp_address, http, plugins};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn start() -> (Daemon, SocketAddr) {
    let address = free_tcp_address();
    let daemon = Daemon::start(&plugins(), &format!("metrics.listen = \"{address}\"\n"));
    (daemon, address)
}

fn status(address: SocketAddr, request: &str) -> Option<u16> {
    let request = format!("{request}\r\nHost: here\r\n\r\n");
    http::ask(address, request.as_bytes()).map(|answer| answer.status)
}

#[test]
fn it_is_healthy_until_its_end_and_ready_until_it_drains() {
    let (mut daemon, address) = start();
    let mut controller = daemon.controller();
    let names = controller.pair(&json!({}));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(address, &format!("GET {path} HTTP/1.1")), Some(200));
    }
    daemon.signal(Signal::QUIT);
    await_that("it is not ready", || {
        status(address, "GET /readyz HTTP/1.1") == Some(503)
    });
    let readiness = http::get(address, "/readyz").expect("it is answered");
    assert!(readiness.body.starts_with("no stream is opened any more"));
    let health = http::get(address, "/healthz").expect("it is answered");
    assert_eq!(health.status, 200);
    let metrics = http::get(address, "/metrics").expect("it is answered");
    assert!(metrics.body.contains("\nhandclasp_draining 1\n"));
    for name in &names {
        controller.send(&json!({"stream": name, "message": "stop"}));
    }
    assert!(daemon.wait().success());
}

#[test]
fn it_is_not_healthy_while_an_event_loop_is_stuck_and_is_again_after_that() {
    let directory = tempfile::tempdir().expect("there is room");
    let gate = directory.path().join("gate");
    let library = directory.path().join("gated-call.so");
    fs::copy(fixture("gated_call", &[]), library).expect("there is room");
    let address = free_tcp_address();
    let configuration = format!(
        "plugins.default = \"gated-call\"\nlisten.loops = 2\nmetrics.listen = \"{address}\"\n"
    );
    let daemon = Daemon::start(directory.path(), &configuration);
    let mut controller = daemon.controller();
    let stuck = || {
        let labels = ["0", "1"].map(|index| format!("{{loop=\"{index}\"}}"));
        labels.map(|labels| http::metric(address, &format!("handclasp_loop_stuck{labels}")))
    };
    let is_one_stuck = || stuck().contains(&Some(1.0));
    assert_eq!(status(address, "GET /healthz HTTP/1.1"), Some(200));
    assert_eq!(stuck(), [Some(0.0); 2]);
    controller.begin_pair(&json!({"options": {"gate": gate}}));
    await_that("it is not healthy", || {
        status(address, "GET /healthz HTTP/1.1") == Some(503)
    });
    let health = http::get(address, "/healthz").expect("it is answered");
    assert!(
        health
            .body
            .starts_with("an event loop has not turned for 2 s")
    );
    assert!(is_one_stuck(), "{:?}", stuck());
    // It is for new streams all the same.
    assert_eq!(status(address, "GET /readyz HTTP/1.1"), Some(200));
    fs::write(&gate, "").expect("there is room");
    await_that("it is healthy again", || {
        status(address, "GET /healthz HTTP/1.1") == Some(200)
    });
    assert_eq!(stuck(), [Some(0.0); 2]);
    controller.pair(&json!({"options": {"gate": gate}}));
}

#[test]
fn other_paths_and_methods_are_refused_and_head_has_no_content() {
    let (_daemon, address) = start();
    assert_eq!(status(address, "GET / HTTP/1.1"), Some(404));
    assert_eq!(status(address, "GET /metrics/ HTTP/1.1"), Some(404));
    assert_eq!(status(address, "DELETE /metrics HTTP/1.1"), Some(405));
    let head = http::ask(address, b"HEAD /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let head = head.expect("it is answered");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(!head.head.contains("content-length: 0"), "{}", head.head);
}

#[test]
fn who_asks_badly_or_not_at_all_keeps_nobody_waiting() {
    let (daemon, address) = start();
    let connect = || TcpStream::connect(address).expect("it listens");
    // Half requests, and nothing at all.
    let mut idle: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = connect();
            if number % 2 == 0 {
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:");
            }
            stream
        })
        .collect();
    assert_eq!(status(address, "GET /healthz HTTP/1.1"), Some(200));
    // Who does not read what is answered.
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect();
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
            stream
        })
        .collect();
    assert_eq!(status(address, "GET /metrics HTTP/1.1"), Some(200));
    drop(slow);
    // What is no request.
    let garbage = http::ask(address, &[0xFF; 4096]).map(|answer| answer.status);
    assert!(matches!(garbage, None | Some(400)), "{garbage:?}");
    let huge = format!(
        "GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n",
        "a".repeat(1 << 20)
    );
    let huge = http::ask(address, huge.as_bytes()).map(|answer| answer.status);
    assert!(matches!(huge, None | Some(431)), "{huge:?}");
    let many = "A: b\r\n".repeat(10_000);
    let many = http::ask(
        address,
        format!("GET /metrics HTTP/1.1\r\n{many}\r\n").as_bytes(),
    );
    let many = many.map(|answer| answer.status);
    assert!(matches!(many, None | Some(431)), "{many:?}");
    // Each connection comes to its end, whatever its other end does.
    for stream in &mut idle {
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("it is some time");
        let mut end = Vec::new();
        match stream.read_to_end(&mut end) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    assert_eq!(status(address, "GET /healthz HTTP/1.1"), Some(200));
    daemon.controller().pair(&json!({}));
}

#[test]
fn one_connection_is_one_request() {
    let (_daemon, address) = start();
    let twice = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n".repeat(2);
    let answer = http::ask(address, twice.as_bytes()).expect("it is answered");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "all event loops turn\n");
}
