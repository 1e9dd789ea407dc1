//! Datagrams that came and were dropped, for there was no room for them to wait.
use crate::support::{handclasp, read, succeed, text};
use handclasp::trace::{Direction, Fate, What};
use handclasp_tests::cc;
use handclasp_tests::processes::{Pair, Side, base64, bytes, handclasp_stream};
use serde_json::{Value, json};
use std::env::consts::DLL_SUFFIX;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Each of them takes more than a kilobyte of the 256 that may wait.
const SENT: u16 = 400;
const LENGTH: u16 = 1_000;
/// So many are under way at a time: a socket's buffer holds that much anywhere.
const AT_ONCE: u16 = 40;

/// A FIFO that lets one `init` of `waits-in-init` return for each time that it is opened.
struct Gate(File);

impl Gate {
    fn new(path: &Path) -> Self {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.is_ok_and(|made| made.success()), "POSIX has mkfifo");
        let gate = File::options().read(true).write(true).open(path);
        Self(gate.expect("it is ours"))
    }

    fn open(&mut self) {
        self.0.write_all(b"\n").expect("it takes a byte");
    }
}

/// How many datagrams of that length have come, and how many of these were dropped at once.
fn arrived(trace: &Path) -> (u16, u16) {
    let (mut came, mut dropped) = (0, 0);
    for record in read(trace).records {
        if let What::Datagram(it) = record.what
            && (it.direction, it.bytes) == (Direction::In, LENGTH)
        {
            came += 1;
            dropped += u16::from(it.fate == Some(Fate::Dropped));
        }
    }
    (came, dropped)
}

/// The second `init` of a side, for a peer that comes back with other init data, takes as long as the test wants.
#[test]
fn what_finds_no_room_during_a_call_is_drawn_as_dropped_and_the_counts_agree() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let at = |name: &str| directory.path().join(name);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/waits_in_init.c");
    let library = at(&format!("waits-in-init{DLL_SUFFIX}"));
    cc(Path::new(source), &library, &[]);
    let (trace, mut gate) = (at("session.jsonl"), Gate::new(&at("gate")));
    let commands = Side::BOTH.map(|side| {
        let mut command = handclasp_stream();
        command.args(["--address", "127.0.0.1"]);
        match side {
            Side::A => command.args(["--plugin", "none", "--controlling"]),
            Side::B => command
                .args(["--plugin", "waits-in-init", "--plugin-dir"])
                .arg(directory.path())
                .arg("--option")
                .arg(format!("gate={}", at("gate").display()))
                .args(["--init-timeout", "300", "--trace"])
                .arg(&trace),
        };
        command
    });
    gate.open();
    let mut pair = Pair::start(commands, Some(Side::A));
    pair.expect_ready(1);
    let other = json!({
        "message": "set_peer_init_data",
        "component_id": 1,
        "role": "initiator",
        "init_data": base64(b"another certificate"),
    });
    pair.send(Side::B, &other);
    // Once this is refused, that has been heard.
    pair.send(Side::B, &json!({"message": "listen", "component_id": 2}));
    let refused = pair.expect(Side::B, "error").to_string();
    assert!(refused.contains("no component 2"), "{refused}");
    let give_up = Instant::now() + Duration::from_secs(60);
    for sent in (AT_ONCE..=SENT).step_by(AT_ONCE.into()) {
        for _ in 0..AT_ONCE {
            pair.send_payload(Side::A, &[0x80; LENGTH as usize]);
        }
        while arrived(&trace).0 < sent {
            assert!(Instant::now() < give_up, "{sent} do not arrive");
            thread::sleep(Duration::from_millis(10));
        }
    }
    gate.open();
    let (_, dropped) = arrived(&trace);
    assert!((100..SENT - 200).contains(&dropped), "{dropped} of {SENT}");
    for _ in dropped..SENT {
        let received = pair.expect(Side::B, "ice_payload");
        assert_eq!(bytes(&received, "payload"), [0x80; LENGTH as usize]);
    }
    let warning = pair.expect(Side::B, "warning")["warning"].to_string();
    let expected =
        format!("plugin waits-in-init: {dropped} datagrams of the peer's were dropped: a call");
    assert!(warning.contains(&expected), "{warning}");
    let (events, status) = pair.end(Side::B);
    assert!(status.success(), "{events:?}");
    let is_payload = |event: &&Value| event["event"] == "ice_payload";
    let received = events.iter().filter(is_payload).count();
    assert_eq!(received, usize::from(SENT - dropped));

    let ladder = text(&succeed(handclasp(&["trace"]).arg(&trace)).stdout);
    let arrow = "dropped ✗─ RTP or RTCP, no room while a call into the plugin ";
    let drawn = ladder.lines().filter(|line| line.contains(arrow)).count();
    assert_eq!(drawn, usize::from(dropped), "{ladder}");
    let told = format!(", {dropped} dropped");
    assert!(ladder.contains(&told), "{ladder}");
}
