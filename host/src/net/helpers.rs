//! A loop's threads for the calls that may take long.
//!
//! Usually one of them is awake and takes such calls in turn: most are short, and waking a thread costs more
//! than making them. Calls that have waited too long behind a slow one get a thread each, up to a bound.
use super::mailbox::{Command, Mailbox, StreamKey};
use crate::plugin::Request;
use crate::trace::CallRecorder;
use std::collections::VecDeque;
use std::io;
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
    request: Request,
    stream: StreamKey,
    recorder: Option<CallRecorder>,
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
        self.submitted.push(Job {
            request,
            stream,
            recorder,
        });
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
            let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let completion = CallRecorder::run(job.recorder.as_ref(), job.request, now);
            self.mailbox
                .post(Command::Completed(job.stream, Box::new(completion)));
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = state.jobs.pop_front()?;
        state.progress = Instant::now();
        Some(job)
    }
}
