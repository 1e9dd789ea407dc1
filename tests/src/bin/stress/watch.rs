//! Whether the threads get on: what each is at, and since when.
use super::process;
use super::totals::Totals;
use std::process::abort;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// What a thread is at.
#[derive(Debug)]
pub(super) struct Post {
    name: String,
    state: Mutex<(&'static str, Instant)>,
    has_left: AtomicBool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Posts(Mutex<Vec<Arc<Post>>>);

impl Post {
    /// From now on it is at this.
    pub(super) fn at(&self, what: &'static str) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (what, Instant::now());
    }

    /// There is nothing more to wait for.
    pub(super) fn leave(&self) {
        self.has_left.store(true, Ordering::Relaxed);
    }
}

impl Posts {
    pub(super) fn add(&self, name: String) -> Arc<Post> {
        let post = Arc::new(Post {
            name,
            state: Mutex::new(("its start", Instant::now())),
            has_left: AtomicBool::new(false),
        });
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posts.retain(|it| !it.has_left.load(Ordering::Relaxed));
        posts.push(Arc::clone(&post));
        post
    }

    fn check(&self, seed: u64) {
        let posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_stuck = false;
        let mut report = String::new();
        for post in posts
            .iter()
            .filter(|it| !it.has_left.load(Ordering::Relaxed))
        {
            let (what, since) = *post.state.lock().unwrap_or_else(PoisonError::into_inner);
            is_stuck |= since.elapsed() > PATIENCE;
            report += &format!("  {}: {what} for {:.1?}\n", post.name, since.elapsed());
        }
        if is_stuck {
            let threads = process::threads();
            eprintln!("stress: seed {seed}: a thread does not get on:\n{report}\n{threads}");
            abort();
        }
    }
}

/// Watches over the threads, and tells how far they are, as long as the process lives.
pub(super) fn start(posts: Arc<Posts>, totals: Arc<Totals>, seed: u64) {
    let (start, mut told) = (Instant::now(), Instant::now());
    let watch = move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            posts.check(seed);
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                println!("{:4} s  {totals}", start.elapsed().as_secs());
            }
        }
    };
    let thread = thread::Builder::new().name("watch".to_owned());
    thread.spawn(watch).expect("there is a thread");
}
