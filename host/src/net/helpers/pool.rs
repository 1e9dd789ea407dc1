//! Threads for jobs of one kind.
use super::fair::Fair;
use super::job::Job;
use super::thread::ThreadId;
use crate::net::keys::StreamKey;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many threads a pool may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// So many take jobs at once.
    pub(super) at_once: usize,
    /// So many take jobs that have waited: the processor has no use for more.
    pub(super) cores: usize,
    /// So many take jobs while others are blocked.
    pub(super) most: usize,
    /// So many others may be held by calls that are overdue.
    pub(super) overdue: usize,
    /// Jobs of a stream that are under way at a time.
    pub(super) per_stream: usize,
}

/// Threads for jobs of one kind.
///
/// Usually few of them are awake and take jobs in turn: most jobs are short, and waking a thread costs more than doing
/// them. Further threads take jobs that have waited too long: as many as there are cores, and more only while those
/// that are there are blocked.
#[derive(Debug)]
pub(super) struct Pool {
    limits: Limits,
    state: Mutex<State>,
    /// Threads have been told to get up, or that this is closed; or, once it is, that a job is done.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    jobs: Fair<Job>,
    /// When a job was last taken or done, or a thread roused, or the first job came.
    progress: Instant,
    /// When threads were last looked at.
    looked: Instant,
    /// By the number of the job.
    running: HashMap<u64, Running>,
    started: u64,
    /// Threads that run jobs or look for them before they rest.
    awake: usize,
    resting: usize,
    /// Resting threads that have been told to get up.
    roused: usize,
    lacks_threads: bool,
    /// No job begins any more, and threads without work end at once.
    is_closed: bool,
}

/// A job under way.
#[derive(Debug)]
struct Running {
    thread: ThreadId,
    /// When it is overdue.
    until: Option<Instant>,
    /// How many looks in a row have found it blocked.
    asleep: u32,
}

/// How long a job may wait for those before it.
const PATIENCE: Duration = Duration::from_millis(5);
/// How often threads are looked at while jobs wait and none is done.
const LOOK: Duration = Duration::from_millis(20);
/// A thread is blocked if so many looks have found it so.
const BLOCKED: u32 = 2;
/// How long a thread without work stays.
const LINGER: Duration = Duration::from_secs(10);

impl Pool {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        let state = State {
            jobs: Fair::new(limits.per_stream),
            progress: now,
            looked: now,
            running: HashMap::new(),
            started: 0,
            awake: 0,
            resting: 0,
            roused: 0,
            lacks_threads: false,
            is_closed: false,
        };
        Self {
            limits,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Puts a job behind the others; [`dispatch`](Self::dispatch) has it done. Once this is closed it is dropped.
    pub(super) fn push(&self, now: Instant, stream: StreamKey, job: Job) {
        let mut state = self.lock();
        if state.is_closed {
            drop(state);
            drop(job); // as below: it may be the last that keeps its plugin
            return;
        }
        if state.jobs.ready(1) == 0 {
            state.progress = now;
        }
        state.jobs.push(stream, job);
    }

    /// From now on no job begins: what waits is dropped, and threads end with what they are at.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let waiting = state.jobs.take_all();
        drop(state);
        self.changed.notify_all();
        drop(waiting);
    }

    /// Waits until no job is under way, but no longer than until then; returns whether none is.
    pub(super) fn wait_until_idle(&self, until: Instant) -> bool {
        let mut state = self.lock();
        while !state.running.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Drops the waiting jobs of a stream that are not wanted any more.
    pub(super) fn retain(&self, stream: StreamKey, wanted: impl FnMut(&Job) -> bool) {
        let unwanted = self.lock().jobs.take_unwanted(stream, wanted);
        drop(unwanted);
    }

    /// Whether jobs wait.
    pub(super) fn has_waiting(&self) -> bool {
        self.lock().jobs.has_waiting()
    }

    /// How many jobs are overdue.
    pub(super) fn overdue(&self, now: Instant) -> usize {
        self.lock().overdue(now)
    }

    /// Has threads take what waits. Returns when to call again at the latest, if anything still does.
    pub(super) fn dispatch(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let ready = state.jobs.ready(self.limits.most);
        if ready == 0 {
            return None;
        }
        let overdue = state.overdue(now);
        let usable = state.awake - overdue;
        let wanted = self.allowed(&mut state, now, usable, overdue);
        let wanted = wanted.saturating_sub(usable).min(ready);
        if wanted > 0 {
            state.progress = now;
        }
        self.rouse(state, wanted);
        match usable + wanted < self.limits.cores {
            true => Some(now + PATIENCE),
            false => Some(now + LOOK),
        }
    }

    /// How many threads may be awake now, but for those with overdue jobs.
    fn allowed(&self, state: &mut State, now: Instant, usable: usize, overdue: usize) -> usize {
        let Limits {
            at_once,
            cores,
            most,
            overdue: most_overdue,
            ..
        } = self.limits;
        let waited = now.saturating_duration_since(state.progress);
        let allowed = match usable {
            _ if overdue >= most_overdue => 0,
            _ if usable < cores && waited < PATIENCE => at_once,
            _ if usable < cores => cores,
            _ if waited >= LOOK && state.busy(now) < cores => usable + 1,
            _ => at_once,
        };
        allowed.min(most)
    }

    fn rouse(self: &Arc<Self>, mut state: MutexGuard<'_, State>, count: usize) {
        let rested = count.min(state.resting - state.roused);
        state.awake += count;
        state.roused += rested;
        drop(state);
        for _ in 0..rested {
            self.changed.notify_one();
        }
        for _ in rested..count {
            let spawned = self.spawn();
            let mut state = self.lock();
            let lacked = std::mem::replace(&mut state.lacks_threads, spawned.is_err());
            if let Err(error) = spawned {
                state.awake -= 1; // tried again at the next look
                if !lacked {
                    tracing::error!("no thread for a slow call, which waits: {error}");
                }
            }
        }
    }

    fn spawn(self: &Arc<Self>) -> io::Result<()> {
        let pool = Arc::clone(self);
        thread::Builder::new()
            .name("handclasp-helper".to_owned())
            .spawn(move || pool.serve())
            .map(drop)
    }

    fn serve(&self) {
        let thread = ThreadId::current();
        loop {
            let mut done = None;
            while let Some((number, stream, job)) = self.next(thread, done) {
                job.run(stream);
                done = Some((number, stream));
            }
            let mut state = self.lock();
            if state.jobs.ready(1) > 0 {
                continue;
            }
            state.awake -= 1;
            state.resting += 1;
            let (mut state, _) = self
                .changed
                .wait_timeout_while(state, LINGER, |state| state.roused == 0 && !state.is_closed)
                .unwrap_or_else(PoisonError::into_inner);
            state.resting -= 1;
            if state.roused == 0 {
                return;
            }
            state.roused -= 1;
        }
    }

    /// Reports a job as done, and takes the next one.
    fn next(
        &self,
        thread: ThreadId,
        done: Option<(u64, StreamKey)>,
    ) -> Option<(u64, StreamKey, Job)> {
        let mut state = self.lock();
        if let Some((number, stream)) = done {
            state.running.remove(&number);
            state.jobs.finish(stream);
            if state.is_closed {
                self.changed.notify_all();
            }
        }
        let now = Instant::now();
        state.progress = now;
        let (stream, job) = state.jobs.pop()?;
        state.started += 1;
        let number = state.started;
        let running = Running {
            thread,
            until: job.limit.map(|limit| now + limit),
            asleep: 0,
        };
        state.running.insert(number, running);
        Some((number, stream, job))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn overdue(&self, now: Instant) -> usize {
        let running = self.running.values();
        running.filter(|job| job.is_overdue(now)).count()
    }

    /// How many threads have a use for a processor.
    fn busy(&mut self, now: Instant) -> usize {
        let looks = now >= self.looked + LOOK;
        if looks {
            self.looked = now;
        }
        let running = self.running.values_mut();
        let running = running.filter(|job| !job.is_overdue(now));
        let busy = running.filter_map(|job| {
            if looks {
                job.asleep = match job.thread.is_asleep() {
                    true => job.asleep + 1,
                    false => 0,
                };
            }
            (job.asleep < BLOCKED).then_some(())
        });
        busy.count()
    }
}

impl Running {
    fn is_overdue(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
