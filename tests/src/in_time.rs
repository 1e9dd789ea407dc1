//! What is waited for, but not for ever.
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What comes of `wait`, which would hang if its subject were broken.
///
/// # Panics
/// It takes longer than two minutes, or panics itself.
#[track_caller]
pub fn in_time<T: Send + 'static>(what: &str, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = channel();
    thread::spawn(move || {
        // Whoever waited may have given up.
        let _ = sender.send(wait());
    });
    let ended = ended.recv_timeout(PATIENCE);
    ended.unwrap_or_else(|error| panic!("not within {PATIENCE:?}: {what} ({error})"))
}

/// Waits until it is so.
///
/// # Panics
/// It takes longer than two minutes.
#[track_caller]
pub fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
