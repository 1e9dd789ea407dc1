//! Datagrams that the system drops, for the daemon does not come to take them.
use handclasp_tests::{Daemon, await_that, free_port, free_tcp_address, http, plugins};
use rustix::process::Signal;
use std::fs;
use std::net::UdpSocket;

/// Whether the process is stopped by a signal.
fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    state == Some(Some('T'))
}

#[test]
fn each_datagram_of_a_flood_is_counted_as_taken_or_as_dropped_by_the_system() {
    const SENT: u32 = 2000;
    let (port, address) = (free_port(), free_tcp_address());
    let daemon = Daemon::start(
        &plugins(),
        &format!(
            "listen.port = {port}\nlisten.receive-buffer = \"16 KiB\"\nmetrics.listen = \"{address}\"\n"
        ),
    );
    let of_system = || http::metric(address, "handclasp_socket_drops_total");
    let stray = || {
        http::metric(
            address,
            "handclasp_datagrams_dropped_total{cause=\"stray\"}",
        )
    };
    assert_eq!(of_system(), Some(0.0));
    let before = stray().unwrap_or_default();
    daemon.signal(Signal::STOP);
    await_that("it is stopped", || is_stopped(daemon.id()));
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("there are ports left");
    for _ in 0..SENT {
        let sent = stranger.send_to(&[0x80; 500], ("127.0.0.1", port));
        sent.expect("loopback takes it");
    }
    daemon.signal(Signal::CONT);
    let taken = || stray().unwrap_or_default() - before;
    await_that("each is counted once", || {
        taken() + of_system().unwrap_or_default() == f64::from(SENT)
    });
    assert!(taken() > 0.0, "what there was room for was taken");
    let dropped = of_system().expect("it is there");
    assert!(dropped > f64::from(SENT / 2), "{dropped}");
    assert_eq!(
        of_system(),
        Some(dropped),
        "a look more counts nothing twice"
    );
    assert_eq!(
        http::metric(address, "handclasp_socket_waiting_bytes"),
        Some(0.0)
    );
}
