//! Standard output that nobody reads: it stops nothing but the input that causes it, and takes no memory beyond a
//! bound.
use crate::stream;
use handclasp_tests::processes::{Heard, LineProcess, Pair, Side, base64};
use handclasp_tests::resident;
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What a process may take beyond what it took when its stream was ready.
const ALLOWANCE: usize = 16 << 20;
/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Whoever makes no progress for so long waits for something.
const STANDSTILL: Duration = Duration::from_secs(1);

#[test]
fn datagrams_of_one_byte_take_no_more_memory_than_large_ones() {
    const DATAGRAMS: usize = 400_000;
    const AT_ONCE: usize = 200;
    let mut pair = Pair::start([stream(&["--controlling"]), stream(&[])], Some(Side::A));
    pair.expect_ready(1);
    let before = resident(pair.process_id(Side::A));
    pair.hold(Side::A);
    let payload = base64(b"x");
    let line = format!(r#"{{"message":"send_payload","component_id":1,"payload":"{payload}"}}"#);
    // What is answered last, once all before it has been sent: the system's buffer has room for so many.
    let lines = [vec![line.as_bytes(); AT_ONCE], vec![b"?"]].concat();
    let lines = lines.join(&b'\n');
    for _ in 0..DATAGRAMS / AT_ONCE {
        pair.write(Side::B, &lines);
        pair.await_where(Side::B, "error", PATIENCE, |_| true)
            .expect("its input is read to the end");
    }
    let grown = resident(pair.process_id(Side::A)).saturating_sub(before);
    pair.release(Side::A);
    let (events, _) = pair.end(Side::A);
    let dropped = |event: &Value| {
        let warning = event["warning"].as_str()?;
        let (count, rest) = warning.split_once(' ')?;
        let is_it = rest == "datagrams from the peer were dropped: read standard output faster";
        is_it.then(|| count.parse::<usize>().expect("a number"))
    };
    let dropped: Vec<_> = events.iter().filter_map(dropped).collect();
    let payloads = events
        .iter()
        .filter(|event| event["event"] == "ice_payload");
    let (written, mebibytes) = (payloads.count(), grown >> 20);
    // The system may have dropped some on their way, and the queue has room for more than come here.
    let came = written + dropped.iter().sum::<usize>();
    assert!(
        came > DATAGRAMS / 2,
        "{written} written, {dropped:?} dropped"
    );
    assert!(dropped.len() <= 1, "it is told once: {dropped:?}");
    assert!(grown < ALLOWANCE, "{mebibytes} MiB for {came} datagrams");
}

/// A stream whose output nobody reads, and whose input is written by a thread.
struct Deaf {
    process: LineProcess,
    heard: Receiver<Heard<()>>,
    written: Arc<AtomicUsize>,
}

impl Deaf {
    /// Writes the same line so many times.
    fn write(line: &'static str, count: usize) -> Self {
        let (sender, heard) = channel();
        let mut process = LineProcess::start(stream(&[]), (), sender);
        let mut deaf = heard.iter().filter_map(|heard| match heard {
            Heard::Event(_, event) => Some(event),
            Heard::End(()) => None,
        });
        deaf.find(|event| event["event"] == "candidate_gathering_done")
            .expect("it starts");
        process.hold();
        let mut input = process.take_input().expect("it is open");
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        thread::spawn(move || {
            let lines = format!("{line}\n").repeat(100);
            for _ in 0..count / 100 {
                input
                    .write_all(lines.as_bytes())
                    .expect("it is read, sooner or later");
                counter.fetch_add(100, Ordering::Relaxed);
            }
        });
        Self {
            process,
            heard,
            written,
        }
    }

    /// Waits until all has been written, or nothing more is taken.
    fn settle(&self, count: usize) {
        let (mut last, mut since) = (0, Instant::now());
        while since.elapsed() < STANDSTILL {
            let written = self.written.load(Ordering::Relaxed);
            if written > last {
                (last, since) = (written, Instant::now());
            }
            if written == count {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn input_waits_for_the_output_that_it_causes() {
    const LINES: usize = 200_000;
    for (line, name) in [
        (r#"{"message":"generate_local_sdp"}"#, "local_sdp"),
        (
            r#"{"message":"send_payload","component_id":1,"payload":"eA=="}"#,
            "could_not_send_payload",
        ),
        ("?", "error"),
    ] {
        let deaf = Deaf::write(line, LINES);
        let before = resident(deaf.process.id());
        deaf.settle(LINES);
        let grown = resident(deaf.process.id()).saturating_sub(before);
        let written = deaf.written.load(Ordering::Relaxed);
        deaf.process.release();
        let events = deaf.heard.iter().filter(|heard| match heard {
            Heard::Event((), event) => event["event"] == name,
            Heard::End(()) => false,
        });
        // None is dropped; the last of them comes before the end, for the input ends with the thread that writes.
        assert_eq!(events.count(), LINES, "{name}");
        let mebibytes = grown >> 20;
        assert!(
            grown < ALLOWANCE,
            "{mebibytes} MiB after {written} lines for {name}"
        );
        assert!(written < LINES, "{name}: all of the input was read");
    }
}
