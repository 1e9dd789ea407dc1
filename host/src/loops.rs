//! The event loops of a host, each on a thread of its own.
use crate::made_in::MadeIn;
use crate::net::{
    ArrivalCounter, Arrivals, Command, DepartureCounter, Departures, EventLoop, GrantedBuffers,
    Handovers, Mailbox, Pulse, Siblings, SocketBuffers, Takeover, TakeoverState,
};
#[cfg(unix)]
use crate::net::{PassError, PassPorts, PassedPorts};
use std::io;
use std::mem;
#[cfg(unix)]
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
#[cfg(unix)]
use std::time::Duration;
use std::time::Instant;

/// How long a loop may take to pass its sockets.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(5);

/// Loops that run. Dropping them stops them, and waits for nothing.
#[derive(Debug)]
pub(crate) struct Loops {
    loops: Vec<Loop>,
    siblings: Arc<Siblings>,
    takeover: Arc<TakeoverState>,
    running: Arc<Running>,
    made_in: MadeIn,
}

#[derive(Debug)]
struct Loop {
    mailbox: Arc<Mailbox>,
    arrivals: Arc<ArrivalCounter>,
    departures: Arc<DepartureCounter>,
    buffers: Arc<GrantedBuffers>,
    pulse: Arc<Pulse>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How many loops have not ended.
#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

/// That one of them has not.
struct OneRuns(Arc<Running>);

impl Loops {
    /// `prepare` has them before they run.
    ///
    /// # Errors
    /// The system gives no thread, or no means to wait for sockets, or they cannot be prepared. Those that were started are
    /// stopped.
    pub(crate) fn start(
        count: usize,
        takeover: &Arc<TakeoverState>,
        event_loop: impl Fn() -> io::Result<EventLoop>,
        prepare: impl FnOnce(&Siblings, &mut [EventLoop]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut event_loops = Vec::with_capacity(count);
        for _ in 0..count {
            event_loops.push(event_loop()?);
        }
        let mailboxes = event_loops.iter().map(|it| Arc::clone(it.mailbox()));
        let siblings = Arc::new(Siblings::new(mailboxes.collect()));
        let mut loops = Self {
            loops: Vec::with_capacity(count),
            siblings,
            takeover: Arc::clone(takeover),
            running: Arc::default(),
            made_in: MadeIn::this_process(),
        };
        for (index, event_loop) in event_loops.iter_mut().enumerate() {
            event_loop.join(index, &loops.siblings);
        }
        prepare(&loops.siblings, &mut event_loops)?;
        for (index, event_loop) in event_loops.into_iter().enumerate() {
            let started = Loop::start(index, event_loop, &loops.running)?;
            loops.loops.push(started);
        }
        Ok(loops)
    }

    /// What the loops say of themselves.
    pub(crate) fn pulses(&self) -> Vec<Arc<Pulse>> {
        let pulses = self.loops.iter().map(|one| Arc::clone(&one.pulse));
        pulses.collect()
    }

    /// How much has arrived.
    pub(crate) fn arrivals(&self) -> Arrivals {
        let mut all = Arrivals::default();
        for one in &self.loops {
            let own = one.arrivals.read();
            all.datagrams += own.datagrams;
            all.bytes += own.bytes;
            all.strays += own.strays;
            all.passed_on += own.passed_on;
            all.not_passed_on += own.not_passed_on;
        }
        all
    }

    /// How many datagrams have left, and in how many calls.
    pub(crate) fn departures(&self) -> Departures {
        let mut all = Departures::default();
        for one in &self.loops {
            let Departures {
                datagrams,
                bytes,
                calls,
            } = one.departures.read();
            all.datagrams += datagrams;
            all.bytes += bytes;
            all.calls += calls;
        }
        all
    }

    /// What has passed between them.
    pub(crate) fn handovers(&self) -> Handovers {
        self.siblings.handovers()
    }

    /// Whether several of them take from a port that streams share.
    pub(crate) fn share_ports(&self) -> bool {
        self.siblings.share_ports()
    }

    /// How far takeovers of their ports have come.
    pub(crate) fn takeover(&self) -> Takeover {
        self.takeover.read()
    }

    /// Ports that were taken over are theirs to receive at once nobody else does.
    pub(crate) fn confirm_takeover(&self) {
        self.takeover.confirm();
        for one in &self.loops {
            one.mailbox.post(Command::ReceiveInherited);
        }
    }

    /// Copies of all sockets at ports that streams share, and a link to each loop.
    #[cfg(unix)]
    pub(crate) fn pass_ports(&self) -> Result<PassedPorts, PassError> {
        use std::os::unix::net::UnixStream;
        if self.takeover().has_predecessor {
            return Err(PassError::Predecessor);
        }
        let mut asked = Vec::new();
        for one in &self.loops {
            let (link, theirs) = UnixStream::pair()?;
            let (sender, passed) = sync_channel(1);
            let wanted = PassPorts {
                link,
                passed: sender,
            };
            one.mailbox.post(Command::PassPorts(Box::new(wanted)));
            asked.push((passed, theirs));
        }
        let deadline = Instant::now() + PATIENCE;
        let answers = asked.into_iter().map(|(passed, theirs)| {
            let left = deadline.saturating_duration_since(Instant::now());
            let sockets = passed.recv_timeout(left).map_err(|_| PassError::Loop)??;
            Ok((sockets, theirs))
        });
        let passed = PassedPorts::of(answers.collect::<Result<_, PassError>>()?);
        match passed.places.is_empty() {
            true => Err(PassError::None),
            false => Ok(passed),
        }
    }

    /// What the system keeps for sockets that have asked for it, the least of all.
    pub(crate) fn buffers(&self) -> Option<SocketBuffers> {
        GrantedBuffers::least(self.loops.iter().map(|one| &*one.buffers))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.loops.len()
    }

    /// The mailbox of the loop with this number, counted round.
    pub(crate) fn mailbox(&self, number: usize) -> &Arc<Mailbox> {
        &self.loops[number % self.loops.len()].mailbox
    }

    /// Has all of them stop.
    pub(crate) fn stop(&self) {
        for one in &self.loops {
            one.mailbox.post(Command::Shutdown);
        }
    }

    /// Waits until all have ended; returns how many have not by then.
    pub(crate) fn wait(&self, deadline: Instant) -> usize {
        let mut count = self.running.lock();
        while *count > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return *count;
            }
            let waited = self.running.ended.wait_timeout(count, left);
            (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(count);
        for one in &self.loops {
            let thread = one
                .thread
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            // One that panicked has said so already.
            let _ = thread.map(JoinHandle::join);
        }
        0
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        if !self.made_in.is_another_process() {
            return self.stop();
        }
        // There are no such threads here, and their locks may be held.
        for one in &mut self.loops {
            let thread = one.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(thread.take());
        }
    }
}

impl Loop {
    fn start(index: usize, event_loop: EventLoop, running: &Arc<Running>) -> io::Result<Self> {
        let mailbox = Arc::clone(event_loop.mailbox());
        let arrivals = Arc::clone(event_loop.arrivals());
        let departures = Arc::clone(event_loop.departures());
        let buffers = Arc::clone(event_loop.buffers());
        let pulse = Arc::clone(event_loop.pulse());
        let runs = OneRuns::new(running);
        let thread = thread::Builder::new()
            .name(format!("handclasp-loop-{index}"))
            .spawn(move || {
                let _runs = runs;
                event_loop.run();
            })?;
        Ok(Self {
            mailbox,
            arrivals,
            departures,
            buffers,
            pulse,
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, usize> {
        // No code that could panic runs under this lock.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OneRuns {
    fn new(running: &Arc<Running>) -> Self {
        *running.lock() += 1;
        Self(Arc::clone(running))
    }
}

impl Drop for OneRuns {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.ended.notify_all();
    }
}
