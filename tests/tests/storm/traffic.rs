//! Streams that run, and how long their data takes.
use base64::prelude::{BASE64_STANDARD, Engine as _};
use handclasp::plugin::SearchPath;
use handclasp::stream::{Message, Notification};
use handclasp::{
    Application, BindOptions, Context, Host, HostOptions, StreamHandle, StreamOptions,
};
use handclasp_tests::{Controller, Daemon, plugins};
use serde_json::{Value, json};
use std::fmt;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two datagrams of all streams: each stream has ten a second.
const BETWEEN: Duration = Duration::from_millis(1);

/// Datagrams that a program sends over streams of the daemon's, one after the other, and which their peers send back.
pub(super) struct Traffic {
    delays: Arc<Mutex<Vec<u32>>>,
    is_over: Arc<AtomicBool>,
    sender: JoinHandle<()>,
    reader: JoinHandle<u64>,
    _peers: Vec<StreamHandle>,
    _host: Host,
}

/// How long datagrams took to the peer and back, in microseconds, in order.
#[derive(Debug)]
pub(super) struct Delays(Vec<u32>);

impl Delays {
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        let micros = self.0.get(index).copied().unwrap_or_default();
        Duration::from_micros(micros.into())
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent| self.percentile(percent).as_secs_f64() * 1e3;
        write!(
            f,
            "{:.2} ms, {:.2} at the 99th percentile, {:.2} at most",
            at(50),
            at(99),
            at(100)
        )
    }
}

/// A peer, which sends back what comes.
struct Echo(mpsc::Sender<String>);

impl Application for Echo {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        match notification {
            Notification::LocalSdp { sdp } => self.0.send(sdp).expect("it is waited for"),
            Notification::ComponentStateFailed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        context.reply(component_id, datagram);
    }
}

impl Traffic {
    /// Opens so many streams, and has them carry data.
    pub(super) fn start(daemon: &Daemon, plugin: &str, streams: usize) -> Self {
        let path = SearchPath::from_dirs(vec![plugins()]).expect("it is a directory");
        let host = Host::new(HostOptions::new(path).loops(1)).expect("there are threads left");
        let mut controller = daemon.controller();
        let mut peers = Vec::new();
        for number in 0..streams {
            let name = format!("running.{number}");
            let opened =
                controller.ask(&json!({"request": "open", "name": name, "controlling": true}));
            assert_eq!(opened["error"], json!(null), "{opened}");
            controller.event(|event| event["event"] == "candidate_gathering_done");
            controller.send(&json!({"stream": name, "message": "generate_local_sdp"}));
            let offer = controller.event(|event| event["event"] == "local_sdp");
            let sdp = offer["sdp"].as_str().expect("it is text").to_owned();
            let (sender, answers) = channel();
            let bind_options = BindOptions::new().address(Ipv4Addr::LOCALHOST);
            let options = StreamOptions::new(plugin).bind(bind_options);
            let peer = host.open(options, Echo(sender)).expect("it can be opened");
            for message in [Message::ParseRemoteSdp { sdp }, Message::GenerateLocalSdp] {
                peer.send(message).expect("it runs");
            }
            let sdp = answers.recv().expect("it answers");
            controller.send(&json!({"stream": name, "message": "parse_remote_sdp", "sdp": sdp}));
            controller.event(|event| event["event"] == "component_state_ready");
            peers.push(peer);
        }
        let is_over: Arc<AtomicBool> = Arc::default();
        let delays: Arc<Mutex<Vec<u32>>> = Arc::default();
        let sender = Sender {
            output: controller.output(),
            start: Instant::now(),
            is_over: Arc::clone(&is_over),
            sent: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let reader = Reader {
            controller,
            start: sender.start,
            sent: Arc::clone(&sender.sent),
            rounds: vec![0; streams],
            delays: Arc::clone(&delays),
        };
        let sender = thread::spawn(move || sender.send(streams as u64));
        let reader = thread::spawn(move || reader.read());
        Self {
            delays,
            is_over,
            sender,
            reader,
            _peers: peers,
            _host: host,
        }
    }

    /// The delays of those that have come since this was asked last.
    pub(super) fn delays(&self) -> Delays {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let mut delays = std::mem::take(&mut *delays);
        delays.sort_unstable();
        Delays(delays)
    }

    /// Sends no more; returns how many there were. All of them have come back.
    pub(super) fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.sender.join().expect("the daemon reads");
        self.reader.join().expect("no datagram was lost")
    }
}

/// Sends datagrams, whatever is read meanwhile.
struct Sender {
    output: UnixStream,
    start: Instant,
    is_over: Arc<AtomicBool>,
    /// How many there were, once there are no more.
    sent: Arc<AtomicU64>,
}

impl Sender {
    fn send(mut self, streams: u64) {
        let began = Instant::now();
        let mut number = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let due = began + BETWEEN * u32::try_from(number).expect("it does not last for ever");
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let stream = format!("running.{}", number % streams);
            let payload = payload(number, self.start.elapsed());
            self.write(
                &json!({"stream": stream, "message": "send_payload", "component_id": 1, "payload": payload}),
            );
            number += 1;
        }
        self.sent.store(number, Ordering::SeqCst);
        self.write(&json!({"request": "status"})); // whoever reads looks up
    }

    fn write(&mut self, line: &Value) {
        let written = self.output.write_all(format!("{line}\n").as_bytes());
        written.expect("the daemon reads");
    }
}

/// Takes what comes back: each datagram that was sent, and those of a stream in order.
struct Reader {
    controller: Controller,
    start: Instant,
    sent: Arc<AtomicU64>,
    /// How many have come of each stream.
    rounds: Vec<u64>,
    delays: Arc<Mutex<Vec<u32>>>,
}

impl Reader {
    fn read(mut self) -> u64 {
        let mut arrived = 0;
        while arrived != self.sent.load(Ordering::SeqCst) {
            let line = self.controller.read();
            let line = line.unwrap_or_else(|| panic!("no more than {arrived} have come back"));
            match line["event"].as_str() {
                Some("ice_payload") => {}
                None => continue, // the answer
                Some(_) => panic!("{line}"),
            }
            let (number, sent) = stamp(line["payload"].as_str().expect("it is text"));
            let now = self.start.elapsed();
            let stream = (number % self.rounds.len() as u64) as usize;
            let round = number / self.rounds.len() as u64;
            assert_eq!(line["stream"], format!("running.{stream}"), "{line}");
            assert_eq!(
                round, self.rounds[stream],
                "those before it are lost: {line}"
            );
            self.rounds[stream] += 1;
            let delay = now.saturating_sub(sent).as_micros();
            let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
            delays.push(u32::try_from(delay).unwrap_or(u32::MAX));
            arrived += 1;
        }
        arrived
    }
}

/// A datagram with a number, sent so long after the start. It begins as those of RTP do.
fn payload(number: u64, after: Duration) -> String {
    let nanos = u64::try_from(after.as_nanos()).expect("it does not last for ever");
    let parts = [
        &[0x80, 0x60][..],
        &number.to_be_bytes(),
        &nanos.to_be_bytes(),
    ];
    BASE64_STANDARD.encode(parts.concat())
}

fn stamp(payload: &str) -> (u64, Duration) {
    let payload = BASE64_STANDARD.decode(payload).expect("it is base64");
    let number = |at: usize| {
        let bytes = payload[at..at + 8].try_into().expect("these are eight");
        u64::from_be_bytes(bytes)
    };
    (number(2), Duration::from_nanos(number(10)))
}
