//! Threads for what may take long: calls into plugins, and looking up names.
//!
//! Each plugin's calls have threads of their own, and so has the looking up: none of them waits for another. Of each,
//! streams are served in turn, a bounded number of jobs at a time.
mod fair;
mod init_call;
mod job;
mod pool;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod thread;

use super::keys::StreamKey;
use super::mailbox::Mailbox;
use crate::made_in::MadeIn;
use crate::plugin::Plugin;
use crate::stream::Lookup;
use job::{Job, Task};
use pool::{Limits, Pool};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

pub(super) use init_call::{InitCall, Returns};

/// The helper threads of a host.
#[derive(Debug)]
pub(crate) struct Pools {
    epoch: Instant,
    calls: Limits,
    plugins: Mutex<Plugins>,
    lookups: Arc<Pool>,
    made_in: MadeIn,
}

#[derive(Debug, Default)]
struct Plugins {
    /// By the address of the plugin, which calls under way keep.
    pools: HashMap<usize, Arc<Pool>>,
    /// Whether no call begins any more.
    is_closed: bool,
}

/// What one event loop has them do.
#[derive(Debug)]
pub(super) struct Helpers {
    pools: Arc<Pools>,
    mailbox: Arc<Mailbox>,
    /// Those in which something may wait.
    active: Vec<Arc<Pool>>,
}

/// Most threads for a plugin's calls, but for those that are held by overdue ones.
const MAX_CALLS: usize = 32;
/// So many calls that are overdue, and the plugin is not called again before one returns.
pub(crate) const MAX_OVERDUE: usize = 64;
/// Longer than anything is waited for.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// Most names that are looked up at a time, and most of one stream's.
const MAX_LOOKUPS: usize = 64;
const LOOKUPS_PER_STREAM: usize = 4;

impl Pools {
    /// For so many event loops.
    pub(crate) fn new(epoch: Instant, loops: usize) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let calls = Limits {
            at_once: loops.min(cores),
            cores,
            most: MAX_CALLS,
            overdue: MAX_OVERDUE,
            per_stream: 1,
        };
        // Whoever asks other machines waits, and takes no processor.
        let lookups = Limits {
            at_once: MAX_LOOKUPS,
            cores: MAX_LOOKUPS,
            most: MAX_LOOKUPS,
            overdue: MAX_LOOKUPS,
            per_stream: LOOKUPS_PER_STREAM,
        };
        Self {
            epoch,
            calls,
            plugins: Mutex::default(),
            lookups: Arc::new(Pool::new(lookups, epoch)),
            made_in: MadeIn::this_process(),
        }
    }

    /// Whether so many of the plugin's calls are overdue that it is not called any more.
    pub(crate) fn is_stuck(&self, plugin: &Arc<Plugin>) -> bool {
        let pool = self.lock().pools.get(&key(plugin)).map(Arc::clone);
        pool.is_some_and(|pool| pool.overdue(Instant::now()) >= MAX_OVERDUE)
    }

    /// The end of the host: no call begins any more, those that wait are dropped, and those under way are waited for, but
    /// no longer than this. Returns whether all have returned. What they make is destroyed once its stream has ended, on
    /// the thread that has made it; that is waited for, too. Names that are being looked up are not.
    ///
    /// Event loops end first: their streams hear nothing of calls that are dropped.
    pub(crate) fn finish(&self, within: Duration) -> bool {
        let until = Instant::now().checked_add(within);
        let until = until.unwrap_or_else(|| Instant::now() + LONGEST);
        let pools = self.close();
        self.lookups.close();
        // Each is looked at, also where there is no time left.
        let idle = pools.iter().filter(|pool| pool.wait_until_idle(until));
        idle.count() == pools.len()
    }

    fn close(&self) -> Vec<Arc<Pool>> {
        let mut plugins = self.lock();
        plugins.is_closed = true;
        let pools: Vec<_> = plugins.pools.values().map(Arc::clone).collect();
        drop(plugins);
        for pool in &pools {
            pool.close();
        }
        pools
    }

    fn of(&self, plugin: &Arc<Plugin>) -> Arc<Pool> {
        let mut plugins = self.lock();
        if let Some(pool) = plugins.pools.get(&key(plugin)) {
            return Arc::clone(pool);
        }
        // The others have neither jobs nor threads.
        plugins.pools.retain(|_, pool| Arc::strong_count(pool) > 1);
        let pool = Arc::new(Pool::new(self.calls, self.epoch));
        match plugins.is_closed {
            true => pool.close(),
            false => drop(plugins.pools.insert(key(plugin), Arc::clone(&pool))),
        }
        pool
    }

    fn lock(&self) -> MutexGuard<'_, Plugins> {
        // No code that could panic runs under this lock.
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pools {
    fn drop(&mut self) {
        if self.made_in.is_another_process() {
            return; // there are none of its threads, and they may have held its locks
        }
        self.close();
        self.lookups.close();
    }
}

fn key(plugin: &Arc<Plugin>) -> usize {
    Arc::as_ptr(plugin).addr()
}

impl Helpers {
    pub(super) fn new(pools: Arc<Pools>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            pools,
            mailbox,
            active: Vec::new(),
        }
    }

    /// Has a call into a plugin, which may take `limit`, made after the next [`dispatch`](Self::dispatch); the mailbox is
    /// told when it is over.
    pub(super) fn submit(
        &mut self,
        now: Instant,
        plugin: &Arc<Plugin>,
        stream: StreamKey,
        call: InitCall,
        limit: Duration,
    ) {
        let pool = self.pools.of(plugin);
        self.push(now, pool, stream, Task::Init(call), Some(limit));
    }

    /// Has a name looked up, likewise.
    pub(super) fn look_up(&mut self, now: Instant, lookup: Lookup, stream: StreamKey) {
        let pool = Arc::clone(&self.pools.lookups);
        self.push(now, pool, stream, Task::LookUp(lookup), None);
    }

    fn push(
        &mut self,
        now: Instant,
        pool: Arc<Pool>,
        stream: StreamKey,
        task: Task,
        limit: Option<Duration>,
    ) {
        let job = Job {
            task,
            mailbox: Arc::downgrade(&self.mailbox),
            epoch: self.pools.epoch,
            limit,
        };
        pool.push(now, stream, job);
        if !self.active.iter().any(|active| Arc::ptr_eq(active, &pool)) {
            self.active.push(pool);
        }
    }

    /// At the end of a turn: has threads take what was submitted, and more of them what has waited too long. Returns
    /// when to call again at the latest.
    pub(super) fn dispatch(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        self.active.retain(|pool| {
            next = [next, pool.dispatch(now)].into_iter().flatten().min();
            pool.has_waiting()
        });
        next
    }

    /// What an ended stream has submitted is not begun.
    pub(super) fn forget(&mut self, stream: StreamKey) {
        for pool in &self.active {
            pool.retain(stream, |_| false);
        }
    }

    /// A call of an instance that another has replaced is not begun.
    pub(super) fn forget_instance(&mut self, stream: StreamKey, instance_id: u64) {
        for pool in &self.active {
            pool.retain(stream, |job| match &job.task {
                Task::Init(call) => call.instance_id() != instance_id,
                Task::LookUp(_) => true,
            });
        }
    }
}
