//! The end of this process. `exit` runs destructors, those of libraries among them, while other threads go on: in the
//! middle of a call they would lose what they work with. So no call into a library begins any more once the process
//! ends, and those under way are waited for.
//!
//! `exit` runs first the destructors of the thread-local variables of the thread that calls it, and then what was
//! registered with `atexit`, the last first. So this is a thread-local variable of the main thread, if that has to do
//! with plugins; and it is registered anew whenever a library may have registered something itself: once it is mapped,
//! once its `load` is done, and once its first `init` is.
//!
//! What remains: a call that takes longer than is waited for; threads of a library's own; and the first `init` of a
//! library that registers something in there, where another thread than the main one calls `exit` meanwhile. A main
//! thread that ends by `pthread_exit` is taken for the end of the process.
use super::os;
use std::cell::Cell;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long calls under way are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often is looked whether they have returned.
const GLANCE: Duration = Duration::from_millis(1);

/// How many calls are under way, in parts: a thread counts in one of them, so that threads seldom share memory.
static UNDER_WAY: [Part; PARTS] = [const { Part(AtomicUsize::new(0)) }; PARTS];
const PARTS: usize = 32;
/// Whether the process ends.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
/// The process that counts, 0 if none does: one that was forked from it has none of the other threads.
static PROCESS: AtomicU32 = AtomicU32::new(0);

#[repr(align(128))]
struct Part(AtomicUsize);

// Without destructors, all but the last: they are there as long as the thread.
thread_local! {
    /// In which part this thread counts.
    static PART: Cell<Option<usize>> = const { Cell::new(None) };
    /// In how many calls this thread is, one within the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread ends the process.
    static ENDS: Cell<bool> = const { Cell::new(false) };
    /// Dropped at the end of the process, if this is its main thread.
    static LAST: Last = const { Last };
}

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        end();
    }
}

/// A call into a library, which is under way until this is dropped.
pub(super) struct UnderWay(&'static AtomicUsize);

impl UnderWay {
    /// Does not return if the process ends, but on the thread that ends it.
    #[inline]
    pub(super) fn begin() -> Self {
        let part = part();
        part.fetch_add(1, Ordering::SeqCst); // before the look: either this is seen, or that is
        let depth = DEPTH.get();
        if HAS_BEGUN.load(Ordering::SeqCst) && depth == 0 && !ENDS.get() {
            part.fetch_sub(1, Ordering::Release);
            wait_for_the_end();
        }
        DEPTH.set(depth + 1);
        Self(part)
    }
}

impl Drop for UnderWay {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        self.0.fetch_sub(1, Ordering::Release);
    }
}

fn part() -> &'static AtomicUsize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = PART.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
        PART.set(Some(number));
        number
    });
    &UNDER_WAY[number].0
}

#[cold]
fn wait_for_the_end() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// From now on the end of the process is seen before what libraries have registered up to now.
pub(super) fn prepare() {
    note_process();
    os::at_exit(end);
    note_main_thread();
}

/// If this is the main thread, the end of the process is seen before all else.
pub(super) fn note_main_thread() {
    if os::is_main_thread() {
        // Where it has been dropped the process ends already.
        let _ = LAST.try_with(|_| ());
    }
}

/// In a process that was forked there are none of the calls that were under way.
fn note_process() {
    let this = process::id();
    let before = PROCESS.swap(this, Ordering::SeqCst);
    if before != 0 && before != this {
        for part in &UNDER_WAY {
            part.0.store(0, Ordering::SeqCst);
        }
    }
}

/// Whether the process ends: what threads are in the middle of is not waited for any more.
pub(crate) fn has_begun() -> bool {
    HAS_BEGUN.load(Ordering::SeqCst)
}

extern "C" fn end() {
    if PROCESS.load(Ordering::SeqCst) != process::id() {
        return;
    }
    ENDS.set(true);
    if HAS_BEGUN.swap(true, Ordering::SeqCst) {
        return;
    }
    let until = Instant::now() + PATIENCE;
    // A library may call `exit` itself, in the middle of a call.
    while under_way() > DEPTH.get() && Instant::now() < until {
        thread::sleep(GLANCE);
    }
}

fn under_way() -> usize {
    let parts = UNDER_WAY.iter();
    parts.map(|part| part.0.load(Ordering::SeqCst)).sum()
}
