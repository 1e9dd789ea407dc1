//! Threads for the calls that may take long. As many as there are such calls at a time, up to a bound: one
//! slow `init` keeps no other waiting.
use super::mailbox::{Command, Mailbox, StreamKey};
use crate::plugin::Request;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The helper threads of one host.
#[derive(Clone, Debug)]
pub(crate) struct Helpers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

#[derive(Debug)]
struct Job {
    request: Request,
    stream: StreamKey,
    mailbox: Arc<Mailbox>,
}

/// Most helper threads at a time.
const MAX_THREADS: usize = 64;
/// How long a thread without work stays.
const LINGER: Duration = Duration::from_secs(10);

impl Helpers {
    pub(crate) fn new(epoch: Instant) -> Self {
        let shared = Shared {
            epoch,
            state: Mutex::default(),
            work: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Has `request` carried out; its completion goes to `mailbox`.
    pub(crate) fn submit(&self, request: Request, stream: StreamKey, mailbox: &Arc<Mailbox>) {
        let job = Job {
            request,
            stream,
            mailbox: Arc::clone(mailbox),
        };
        let mut state = self.shared.lock();
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.threads < MAX_THREADS {
            state.threads += 1;
            drop(state);
            if let Err(error) = self.spawn() {
                tracing::error!("no thread for a slow call: {error}");
                self.shared.lock().threads -= 1;
                // Better late on this thread than never.
                self.shared.work_off();
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
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
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
            state.idle += 1;
            let (mut state, waited) = self
                .work
                .wait_timeout_while(state, LINGER, |state| state.jobs.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }

    fn work_off(&self) {
        loop {
            let Some(job) = self.lock().jobs.pop_front() else {
                return;
            };
            let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let completion = job.request.run(now);
            job.mailbox
                .post(Command::Completed(job.stream, Box::new(completion)));
        }
    }
}
