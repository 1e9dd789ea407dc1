//! A loop's threads for what may take long: calls into plugins, and looking up names.
//!
//! Usually one of them is awake and takes such calls in turn: most are short, and waking a thread costs more
//! than making them. Calls that have waited too long behind a slow one get a thread each, up to a bound.
use super::mailbox::{Command, Mailbox};
use super::mdns;
use super::place::StreamKey;
use crate::plugin::{Request, nanos_since};
use crate::stream::Lookup;
use crate::trace::CallRecorder;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The helper threads of one event loop.
#[derive(Debug)]
pub(super) struct Helpers {
    submitted: Vec<Job>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    mailbox: Arc<Mailbox>,
    state: Mutex<State>,
    roused: Condvar,
}

#[derive(Debug)]
struct State {
    jobs: VecDeque<Job>,
    /// When a job was last taken or a thread roused, or the first job came.
    progress: Instant,
    /// Threads that look for jobs before they rest.
    awake: usize,
    resting: usize,
    /// Resting threads that have been told to get up.
    roused: usize,
}

#[derive(Debug)]
struct Job {
    task: Task,
    stream: StreamKey,
}

/// What may take long.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are calls
enum Task {
    Call(Request, Option<CallRecorder>),
    /// The system's resolver asks other machines.
    LookUp(Lookup),
}

/// Most helper threads of a loop.
const MAX_THREADS: usize = 64;
/// How long a call may wait for those before it.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long a thread without work stays.
const LINGER: Duration = Duration::from_secs(10);

impl Helpers {
    pub(super) fn new(epoch: Instant, mailbox: Arc<Mailbox>) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            progress: epoch,
            awake: 0,
            resting: 0,
            roused: 0,
        };
        Self {
            submitted: Vec::new(),
            shared: Arc::new(Shared {
                epoch,
                mailbox,
                state: Mutex::new(state),
                roused: Condvar::new(),
            }),
        }
    }

    /// Has `request` carried out after the next [`dispatch`](Self::dispatch); its completion goes to the mailbox.
    pub(super) fn submit(
        &mut self,
        request: Request,
        stream: StreamKey,
        recorder: Option<CallRecorder>,
    ) {
        let task = Task::Call(request, recorder);
        self.submitted.push(Job { task, stream });
    }

    /// Has a name looked up, likewise.
    pub(super) fn look_up(&mut self, lookup: Lookup, stream: StreamKey) {
        let task = Task::LookUp(lookup);
        self.submitted.push(Job { task, stream });
    }

    /// At the end of a turn: has a thread take what was submitted, and gives calls that have waited too long a
    /// thread each. Returns when to call again at the latest.
    pub(super) fn dispatch(&mut self, now: Instant) -> Option<Instant> {
        let mut state = self.shared.lock();
        if state.jobs.is_empty() {
            state.progress = now;
        }
        state.jobs.extend(self.submitted.drain(..));
        let wanted = match state.jobs.len() {
            0 => return None,
            _ if state.awake == 0 => 1,
            waiting if state.progress + PATIENCE <= now => waiting.min(MAX_THREADS - state.awake),
            _ => 0,
        };
        if wanted > 0 {
            state.progress = now;
        }
        let next = state.progress + PATIENCE;
        self.rouse(state, wanted);
        Some(next)
    }

    fn rouse(&self, mut state: MutexGuard<'_, State>, count: usize) {
        let rested = count.min(state.resting - state.roused);
        state.awake += count;
        state.roused += rested;
        drop(state);
        for _ in 0..rested {
            self.shared.roused.notify_one();
        }
        for _ in rested..count {
            if let Err(error) = self.spawn() {
                tracing::error!("no thread for a slow call: {error}");
                // Better late on this thread than never.
                self.shared.work_off();
                self.shared.lock().awake -= 1;
            }
        }
    }

    fn spawn(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name("handclasp-helper".to_owned())
            .spawn(move || shared.serve())
            .map(drop)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            self.work_off();
            let mut state = self.lock();
            if !state.jobs.is_empty() {
                continue;
            }
            state.awake -= 1;
            state.resting += 1;
            let (mut state, _) = self
                .roused
                .wait_timeout_while(state, LINGER, |state| state.roused == 0)
                .unwrap_or_else(PoisonError::into_inner);
            state.resting -= 1;
            if state.roused == 0 {
                return;
            }
            state.roused -= 1;
        }
    }

    fn work_off(&self) {
        while let Some(job) = self.next_job() {
            self.mailbox.post(match job.task {
                Task::Call(request, recorder) => {
                    let now = nanos_since(self.epoch, Instant::now());
                    let completion = CallRecorder::run(recorder.as_ref(), request, now);
                    Command::Completed(job.stream, Box::new(completion))
                }
                Task::LookUp(lookup) => {
                    let found = look_up(&lookup);
                    Command::Found(job.stream, lookup, found)
                }
            });
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = state.jobs.pop_front()?;
        state.progress = Instant::now();
        Some(job)
    }
}

/// At least one address, or part of a sentence.
fn look_up(lookup: &Lookup) -> Result<Vec<SocketAddr>, String> {
    if lookup.host.ends_with(".local") {
        let found = mdns::resolve(&lookup.host)?;
        let at_port = |address| SocketAddr::new(address, lookup.port);
        return Ok(found.into_iter().map(at_port).collect());
    }
    let found = (lookup.host.as_str(), lookup.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| format!("its name cannot be resolved: {error}"))?
        .collect();
    match addresses.is_empty() {
        true => Err("its name stands for no address".to_owned()),
        false => Ok(addresses),
    }
}
