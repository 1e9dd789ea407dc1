//! What SIGINT, SIGTERM and SIGHUP do to the command.
//!
//! A command that talks to a peer stops in order at the first of them, and at once at the second; any other ends at
//! the first. Private copies are removed whatever happens.
use super::exit::Failed;
use super::log;
use handclasp::plugin::Scratch;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};
use std::fs;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the signal's effect waits for whoever reads the log.
const PATIENCE: Duration = Duration::from_millis(100);

type Stop = Box<dyn FnOnce() + Send>;

/// What the next signal does, if it is not to end the command at once.
static STOP: Mutex<Option<Stop>> = Mutex::new(None);

/// The signal that has stopped the command, or 0.
static STOPPED_BY: AtomicI32 = AtomicI32::new(0);

/// From now on the signals that end a command remove its private copies first, and the limit of a file's size ends
/// nothing.
pub(super) fn tidy_up() -> Result<(), Failed> {
    let failed = |error| Failed::new(format!("signals cannot be waited for: {error}"));
    let signals = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(|&signal| !is_ignored(signal));
    let mut signals = Signals::new(signals).map_err(failed)?;
    // A file that may grow no further then fails to be written, which is told.
    flag::register(SIGXFSZ, Arc::default()).map_err(failed)?;
    let wait = move || signals.forever().for_each(take);
    let thread = thread::Builder::new().name("handclasp-signals".to_owned());
    thread.spawn(wait).map(drop).map_err(failed)
}

/// The first signal from now on calls `stop`, which is expected to lead to the command's end.
pub(super) fn stop_with(stop: impl FnOnce() + Send + 'static) {
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stop));
}

/// The exit code of a command that a signal has stopped, as shells count it: 128 and the signal's number.
pub(super) fn exit_code() -> Option<u8> {
    match STOPPED_BY.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(code(signal)),
    }
}

fn code(signal: i32) -> u8 {
    128_u8.wrapping_add(u8::try_from(signal).unwrap_or_default())
}

fn take(signal: i32) {
    let stop = STOP.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(stop) = stop {
        STOPPED_BY.store(signal, Ordering::Relaxed);
        return stop();
    }
    Scratch::remove_all();
    log::finish(PATIENCE);
    if STOPPED_BY.load(Ordering::Relaxed) != 0 {
        // Nothing of a plugin's runs any more: it may be what hangs.
        exit(code(signal).into());
    }
    // Ends the process, as the signal does by itself: who started it sees that.
    let _ = emulate_default_handler(signal);
}

/// Whether whoever started the command wants it to ignore a signal, as `nohup` does, and shells for what runs in the
/// background. Known on Linux.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
