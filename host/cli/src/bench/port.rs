//! Streams that share one port, and streams with ports of their own, on two event loops against one.
//!
//! What counts is the processor time of the busiest loop: with a core to itself, that is what limits how much passes. By
//! the clock, two cores that also run the peers, `init` and this measurement would not tell.
use super::figure::{Figure, Target, split};
use super::pair::Pair;
use super::reports::Reports;
use super::sessions::Sessions;
use super::setup::{NO_HANDSHAKE, PLUGIN, Setup};
use super::show;
use super::side::median;
use crate::exit::Failed;
use crate::signalling::Side;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context};
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often one loop and two take turns.
const TURNS: u32 = 6;
/// Sessions before the first turn, and at a time.
const WARM: u64 = 256;
/// Streams that datagrams go to and fro over, one each: so many fit into a socket's buffer anywhere, and the system
/// spreads them over two loops to within a tenth.
const PAIRS: u64 = 128;
/// The first byte is one of RTP's (RFC 7983).
const DATAGRAM: [u8; 1200] = {
    let mut datagram = [0; 1200];
    datagram[0] = 0x80;
    datagram
};

/// Whose ports streams have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    /// One end of each pair shares its port with all others.
    Shared,
    /// Each stream has one of its own.
    Own,
}

/// The rows of sessions.
pub(super) fn sessions(setup: &Setup<'_>) -> Vec<Figure> {
    show::progress("sessions on two event loops, and on one, each with a core to itself");
    let figure = |name, what, ports, note| {
        let measured = compare(setup, |loops| {
            let shares = ports == Ports::Shared;
            let sessions = Sessions::on_loops(setup.plugins, PLUGIN, loops, shares);
            let sessions = sessions.map_err(Failed::into_sentence)?;
            sessions.pass(WARM)?;
            Ok(move |time: Duration| -> Result<u64, String> {
                let (start, mut count) = (Instant::now(), 0);
                while start.elapsed() < time {
                    sessions.pass(WARM)?;
                    count += WARM;
                }
                Ok(count)
            })
        });
        let (host, baseline) = split(measured.map(|[two, one]| (two / 1e3, one / 1e3)));
        Figure {
            name,
            what,
            unit: "µs of a loop",
            host,
            baseline: Some(baseline),
            target: Target::RatioAtLeast(1.7),
            note: format!(
                "processor time of the busiest loop for each session, on two cores against one, 32 sessions under way; \
                 {note}"
            ),
        }
    };
    vec![
        figure(
            "session_port",
            "sessions on one port, of two event loops against one",
            Ports::Shared,
            "one end of each shares its port with all others",
        ),
        figure(
            "session_own_ports",
            "sessions on ports of their own, of two event loops against one",
            Ports::Own,
            "each stream has a port of its own",
        ),
    ]
}

/// The rows of datagrams.
pub(super) fn datagrams(setup: &Setup<'_>) -> Vec<Figure> {
    show::progress("datagrams on two event loops, and on one, each with a core to itself");
    let figure = |name, what, ports, note| {
        let measured = compare(setup, |loops| {
            let shares = ports == Ports::Shared;
            let sessions = Sessions::on_loops(setup.plugins, NO_HANDSHAKE, loops, shares);
            let traffic = Traffic::over(sessions.map_err(Failed::into_sentence)?)?;
            Ok(move |time: Duration| traffic.run(time))
        });
        let (host, baseline) = split(measured.map(|[two, one]| (two, one)));
        Figure {
            name,
            what,
            unit: "ns of a loop",
            host,
            baseline: Some(baseline),
            target: Target::RatioAtLeast(1.7),
            note: format!(
                "processor time of the busiest loop for each datagram of {} bytes, with its way out and in, on two cores \
                 against one; {PAIRS} streams {note} and their peers send one to and fro each",
                DATAGRAM.len()
            ),
        }
    };
    vec![
        figure(
            "forward_port",
            "datagrams on one port, of two event loops against one",
            Ports::Shared,
            "on one port",
        ),
        figure(
            "forward_own_ports",
            "datagrams on ports of their own, of two event loops against one",
            Ports::Own,
            "with a port each",
        ),
    ]
}

/// Nanoseconds of the busiest loop for each of what is done on two loops, and on one: medians of about the time of the
/// setup for each.
fn compare<W: Fn(Duration) -> Result<u64, String>>(
    setup: &Setup<'_>,
    work_on: impl Fn(usize) -> Result<W, String>,
) -> Result<[f64; 2], String> {
    let on = |loops: u32| {
        // Its threads stay on these cores.
        setup.pinned.with_cores(loops, || work_on(loops as usize))
    };
    let sides = [on(2)?, on(1)?];
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (work, turns) in sides.iter().zip(&mut turns) {
            let before = loop_times()?;
            let count = work(setup.time / TURNS)?;
            let spent = loop_times()?
                .into_iter()
                .map(|(thread, after)| after - before.get(&thread).copied().unwrap_or(0));
            let busiest = spent.max().unwrap_or(0);
            turns.push(busiest as f64 / count.max(1) as f64);
        }
    }
    Ok(turns.map(median))
}

/// The nanoseconds that each event loop of this process has had a processor for, by its thread.
fn loop_times() -> Result<HashMap<String, u64>, String> {
    let failed = |error| format!("the time of an event loop cannot be read: {error}");
    let mut times = HashMap::new();
    for thread in fs::read_dir("/proc/self/task").map_err(failed)?.flatten() {
        let path = thread.path();
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if !name.starts_with("handclasp-loop") {
            continue;
        }
        let spent = fs::read_to_string(path.join("schedstat")).map_err(failed)?;
        let nanos = spent.split(' ').next().and_then(|word| word.parse().ok());
        let nanos = nanos.ok_or("this system does not say how long a thread has run")?;
        times.insert(thread.file_name().to_string_lossy().into_owned(), nanos);
    }
    Ok(times)
}

/// Streams over which datagrams go to and fro.
struct Traffic {
    sessions: Sessions,
    pairs: Vec<Arc<Pair>>,
    flow: Arc<Flow>,
}

struct Flow {
    runs: AtomicBool,
    /// Datagrams that have not come for the last time.
    under_way: AtomicU64,
    arrived: AtomicU64,
    reports: Arc<Reports>,
}

impl Traffic {
    fn over(sessions: Sessions) -> Result<Self, String> {
        let flow = Arc::new(Flow {
            runs: AtomicBool::new(false),
            under_way: AtomicU64::new(0),
            arrived: AtomicU64::new(0),
            reports: Arc::clone(sessions.reports()),
        });
        let pairs = sessions.hold_with(PAIRS, &|_, _, inner| {
            let flow = Arc::clone(&flow);
            Box::new(Echo {
                inner,
                flow,
                arrived: 0,
            })
        })?;
        let traffic = Self {
            sessions,
            pairs,
            flow,
        };
        traffic.run(Duration::from_millis(50))?;
        Ok(traffic)
    }

    /// How many datagrams have arrived in about this time.
    fn run(&self, time: Duration) -> Result<u64, String> {
        let flow = &self.flow;
        flow.arrived.store(0, Ordering::SeqCst);
        flow.under_way.store(PAIRS, Ordering::SeqCst);
        flow.runs.store(true, Ordering::SeqCst);
        for pair in &self.pairs {
            let stream = pair.stream(Side::B).ok_or("a stream has stopped")?;
            let sent = stream.send_payload(1, &DATAGRAM);
            sent.map_err(|error| error.to_string())?;
        }
        std::thread::sleep(time);
        flow.runs.store(false, Ordering::SeqCst);
        flow.reports.take(1)?;
        Ok(flow.arrived.load(Ordering::SeqCst))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        // What the end would say has been said by the measurements.
        let _ = self.sessions.release(&self.pairs);
    }
}

/// One end, which sends back what comes.
struct Echo {
    inner: Box<dyn Application>,
    flow: Arc<Flow>,
    /// Those that the flow has not been told of: what all count together would be passed from core to core.
    arrived: u64,
}

impl Application for Echo {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        self.inner.notify(context, notification);
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.arrived += 1;
        if self.flow.runs.load(Ordering::Relaxed) {
            if self.arrived == 64 {
                self.flow.arrived.fetch_add(self.arrived, Ordering::Relaxed);
                self.arrived = 0;
            }
            context.reply(component_id, datagram);
        } else if self.flow.under_way.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.flow.reports.add();
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
