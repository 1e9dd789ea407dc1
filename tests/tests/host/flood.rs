//! Floods by one stream's application, and what its neighbours notice.
use crate::peers::{host, open_pair, options};
use crate::report::{PATIENCE, Reports, nothing_new};
use handclasp::stream::{Message, Notification};
use handclasp::{Application, Context, Host, SendError, StreamHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

struct Echo;

impl Application for Echo {
    fn notify(&mut self, _: &mut Context<'_>, _: Notification) {}

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        context.reply(component_id, datagram);
    }
}

struct Client(Sender<bool>);

impl Application for Client {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if matches!(notification, Notification::ComponentStateReady { .. }) {
            self.0.send(false).expect("the test waits for it");
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {
        self.0.send(true).expect("the test waits for it");
    }
}

/// Takes no notice.
struct Nobody;

impl Application for Nobody {
    fn notify(&mut self, _: &mut Context<'_>, _: Notification) {}
    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
    fn answer(
        &mut self,
        _: &mut Context<'_>,
        _: Option<u64>,
        _: Result<(), handclasp::stream::Refused>,
    ) {
    }
}

/// Round trips while a flood goes on, and without it.
const TRIPS: usize = 300;

/// The 99th percentile of them.
fn round_trips(client: &StreamHandle, echoed: &Receiver<bool>) -> Duration {
    let mut taken: Vec<_> = (0..TRIPS)
        .map(|_| {
            let begun = Instant::now();
            client.send_payload(1, b"ping").expect("it runs");
            assert!(echoed.recv_timeout(PATIENCE).expect("it is echoed"));
            begun.elapsed()
        })
        .collect();
    taken.sort_unstable();
    taken[TRIPS * 99 / 100]
}

/// What a flood sends again and again.
type Send = fn(&StreamHandle) -> Result<(), SendError>;

/// Every kind of message, and datagrams.
fn floods() -> Vec<(&'static str, Send)> {
    fn send(stream: &StreamHandle, message: Message) -> Result<(), SendError> {
        stream.send(message)
    }
    vec![
        ("send_payload", |stream| stream.send_payload(1, &[7; 1200])),
        ("an empty payload", |stream| stream.send_payload(1, b"")),
        ("set_remote_credentials", |stream| {
            let credentials = "ufrag passwordpasswordpassword".to_owned();
            let generation = None;
            send(
                stream,
                Message::SetRemoteCredentials {
                    credentials,
                    generation,
                },
            )
        }),
        ("set_remote_candidate", |stream| {
            let candidate = "candidate:1 1 UDP 1 192.0.2.1 9 typ host".to_owned();
            send(
                stream,
                Message::SetRemoteCandidate {
                    candidate,
                    component_id: 1,
                },
            )
        }),
        ("parse_remote_sdp", |stream| {
            let sdp = "v=0\r\n".to_owned();
            send(stream, Message::ParseRemoteSdp { sdp })
        }),
        ("generate_local_sdp", |stream| {
            send(stream, Message::GenerateLocalSdp)
        }),
        ("peer_candidate_gathering_done", |stream| {
            send(stream, nothing_new())
        }),
        ("gather_candidates", |stream| {
            send(stream, Message::GatherCandidates)
        }),
        ("restart_stream", |stream| {
            send(stream, Message::RestartStream)
        }),
        ("listen", |stream| {
            send(stream, Message::Listen { component_id: 1 })
        }),
        ("close", |stream| send(stream, Message::Close)),
    ]
}

#[test]
fn a_flood_of_each_kind_of_message_delays_no_other_stream() {
    let host = host(1);
    let (sender, got) = channel();
    let (client, _echo) = open_pair(&host, "none", Client(sender), Echo);
    assert!(!got.recv_timeout(PATIENCE).expect("it is ready"));
    for (name, flood) in floods() {
        let alone = round_trips(&client, &got);
        let flooded = Flood::begin(&host, flood);
        let meanwhile = round_trips(&client, &got);
        flooded.end();
        let most = alone + Duration::from_millis(20) + SCHEDULING;
        println!("{name}: 99th percentile {alone:?} alone, {meanwhile:?} meanwhile");
        assert!(meanwhile <= most, "{name}: {meanwhile:?}, {alone:?} alone");
    }
}

/// What a thread may wait for a processor that the flood and other tests want, too. What it is to be on a machine with
/// nothing else to do is 20 ms, and was 480 when a turn took all that waited.
const SCHEDULING: Duration = Duration::from_millis(80);

/// A thread that sends without end.
struct Flood {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Flood {
    fn begin(host: &Host, send: Send) -> Self {
        let stream = host.open(options("none"), Nobody);
        let stream = stream.unwrap_or_else(|error| panic!("{error}"));
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            // The loop may keep up with what is soon done.
            let (mut sent, mut is_full) = (0, false);
            while !over.load(Ordering::Relaxed) {
                match send(&stream) {
                    Err(SendError::Full) => is_full = true,
                    other => other.expect("it runs"),
                }
                sent += 1;
            }
            assert!(is_full || sent > TRIPS, "it was no flood: {sent} sent");
        });
        Self { is_over, thread }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it was a flood");
    }
}

/// Holds its event loop until the test lets go.
struct Holds(Sender<()>, Receiver<()>);

impl Application for Holds {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if matches!(notification, Notification::LocalCredentials { .. }) {
            self.0.send(()).expect("the test waits for it");
            let _ = self.1.recv();
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn what_waits_while_a_callback_takes_its_time_is_bounded() {
    let host = host(1);
    let (begun, has_begun) = channel();
    let (_open_gate, gate) = channel();
    let held = host.open(options("none"), Holds(begun, gate));
    let held = held.unwrap_or_else(|error| panic!("{error}"));
    let begun = has_begun.recv_timeout(PATIENCE);
    begun.expect("its loop turns");
    for (name, flood) in floods() {
        let sent = (0..1_000_000).take_while(|_| flood(&held).is_ok()).count();
        assert!(sent < 100_000, "{name}");
    }
    let queued = held.queued();
    assert!(queued.message_bytes < 300_000, "{queued:?}");
    assert!(queued.payload_bytes < 1_200_000, "{queued:?}");
    // And so are streams that are to be opened.
    let reports = Reports::new();
    let mut opened = Vec::new();
    let refused = loop {
        match host.open(options("none"), reports.reporter(0)) {
            Ok(stream) => opened.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(opened.len(), 4096);
    assert!(
        refused.to_string().starts_with("4096 streams wait"),
        "{refused}"
    );
}
