//! Applications' datagrams, passed on from one socket to others, against a bare loop with the same system calls.
//!
//! - One peer: both ends of a stream send back what they receive. Neighbours leave and arrive as segments (GSO and GRO).
//! - 100 peers: what one peer sends, the server passes on to each of them: datagrams leave for many addresses in one
//!   system call (sendmmsg), and arrive in batches (recvmmsg).
use super::baseline::Baseline;
use super::figure::{Figure, Target};
use super::pair::Pair;
use super::processor::cpu_time;
use super::reports::Reports;
use super::sessions::Sessions;
use super::setup::{NO_HANDSHAKE, Setup};
use super::show;
use super::side::{Side as Measured, measure};
use crate::exit::Failed;
use crate::signalling::Side;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context, StreamRef};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What is sent; the first byte is one of RTP's (RFC 7983). `bench/forward.c` sends as many, and has the same windows.
const DATAGRAM: [u8; 1200] = {
    let mut datagram = [0; 1200];
    datagram[0] = 0x80;
    datagram
};
/// Datagrams under way between two ends: as many as leave in two system calls.
const WINDOW: u64 = 108;
/// How many peers many are, and datagrams under way from the one that sends.
const MANY: u64 = 100;
const WINDOW_TO_MANY: u64 = 8;

pub(super) fn one_peer(setup: &Setup<'_>) -> Result<Figure, Failed> {
    show::progress("datagrams to one peer, and over bare sockets");
    let note = format!(
        "{} bytes each, {WINDOW} under way between the two ends of a stream with plugin none; the bare loop sends from \
         where it has received, with the same segments (GSO and GRO); counted is each datagram once, with its way out \
         and in",
        DATAGRAM.len()
    );
    let [host, baseline] = compare(setup, 1)?;
    Ok(figure(
        "forward",
        "datagrams to one peer, against bare sockets",
        host,
        baseline,
        note,
    ))
}

pub(super) fn many_peers(setup: &Setup<'_>) -> Result<Figure, Failed> {
    show::progress("datagrams to 100 peers, and over bare sockets");
    let note = format!(
        "{} bytes each; {WINDOW_TO_MANY} are under way from one of {MANY} peers to the server, which passes each on to \
         all of them from its one port; the bare loop sends from where it has received, as many in a system call \
         (sendmmsg and recvmmsg); counted is each datagram once, with its way out and in",
        DATAGRAM.len()
    );
    let [host, baseline] = compare(setup, MANY)?;
    // A round is one datagram to the server, and one to each peer.
    let each = |round: Result<f64, String>| round.map(|nanos| nanos / (1 + MANY) as f64);
    let what = "datagrams to 100 peers, against bare sockets";
    Ok(figure(
        "forward_100",
        what,
        each(host),
        each(baseline),
        note,
    ))
}

fn figure(
    name: &'static str,
    what: &'static str,
    host: Result<f64, String>,
    baseline: Result<f64, String>,
    note: String,
) -> Figure {
    Figure {
        name,
        what,
        unit: "ns of CPU",
        host,
        baseline: Some(baseline),
        target: Target::RatioAtLeast(0.8),
        note,
    }
}

/// Nanoseconds for each datagram, or each round of them: of the host, and of the bare loop.
fn compare(setup: &Setup<'_>, peers: u64) -> Result<[Result<f64, String>; 2], Failed> {
    let sessions = Sessions::new(setup.plugins, NO_HANDSHAKE)?;
    let mut forwarding = Forwarding::over(&sessions, peers).map_err(Failed::new)?;
    let mut bare = Baseline::with_arguments("forward", &[&peers.to_string()], "run `make bench`");
    let measured = measure([&mut forwarding, &mut bare], setup.time);
    sessions.release(&forwarding.pairs).map_err(Failed::new)?;
    Ok(measured)
}

/// Streams over which datagrams are passed on.
struct Forwarding {
    pairs: Vec<Arc<Pair>>,
    flow: Arc<Flow>,
    window: u64,
}

/// What is under way. While a measurement runs, only the event loop changes it.
struct Flow {
    /// Datagrams that may still be sent by those who decide about that.
    to_send: AtomicU64,
    /// Datagrams that have not yet arrived where they are counted.
    to_arrive: AtomicU64,
    /// Where the server passes datagrams on to, if there are many peers.
    peers: OnceLock<Vec<StreamRef>>,
    reports: Arc<Reports>,
}

impl Forwarding {
    fn over(sessions: &Sessions, peers: u64) -> Result<Self, String> {
        let flow = Arc::new(Flow {
            to_send: AtomicU64::new(0),
            to_arrive: AtomicU64::new(0),
            peers: OnceLock::new(),
            reports: Arc::clone(sessions.reports()),
        });
        let pairs = sessions.hold_with(peers, &|number, side, inner| {
            Box::new(Carrier {
                inner,
                is_server: side == Side::A,
                decides: number == 0,
                flow: Arc::clone(&flow),
            })
        })?;
        if peers > 1 {
            let peers: Option<Vec<_>> = pairs.iter().map(|pair| pair.stream(Side::A)).collect();
            let peers = peers.ok_or("a stream has stopped")?;
            flow.peers.get_or_init(|| peers);
        }
        Ok(Self {
            pairs,
            flow,
            window: if peers > 1 { WINDOW_TO_MANY } else { WINDOW },
        })
    }
}

impl Measured for Forwarding {
    /// `count` datagrams between two ends, or one datagram to many peers `count` times.
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let first = count.min(self.window);
        let copies = self.flow.peers.get().map_or(1, |peers| peers.len() as u64);
        // The loop learns of both with the first datagram.
        self.flow.to_send.store(count - first, Ordering::Relaxed);
        self.flow.to_arrive.store(count * copies, Ordering::Relaxed);
        let stream = self.pairs[0]
            .stream(Side::B)
            .ok_or("a stream has stopped")?;
        let start = cpu_time();
        for _ in 0..first {
            let sent = stream.send_payload(1, &DATAGRAM);
            sent.map_err(|error| error.to_string())?;
        }
        self.flow.reports.take(1)?;
        Ok(cpu_time() - start)
    }
}

impl Flow {
    /// A datagram has arrived where it is counted.
    fn count(&self) {
        let left = self.to_arrive.load(Ordering::Relaxed);
        self.to_arrive
            .store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 {
            self.reports.add();
        }
    }

    /// Whether another one may be sent, which is then taken for sent.
    fn send_next(&self) -> bool {
        let left = self.to_send.load(Ordering::Relaxed);
        self.to_send
            .store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

/// One end, which also carries datagrams.
struct Carrier {
    inner: Box<dyn Application>,
    /// All servers share a port.
    is_server: bool,
    /// Whether it is an end of the stream that keeps the datagrams going.
    decides: bool,
    flow: Arc<Flow>,
}

impl Application for Carrier {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        self.inner.notify(context, notification);
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        if self.is_server
            && let Some(peers) = self.flow.peers.get()
        {
            for peer in peers {
                // What finds no room is lost, as in a network: a measurement then says that it waits.
                let _ = peer.send_payload(component_id, datagram);
            }
            return;
        }
        self.flow.count();
        if self.decides && self.flow.send_next() {
            context.reply(component_id, datagram);
        }
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.inner.answer(context, number, answer);
    }
}
