//! Threads of a host: those that help with what takes long, and a plugin's own.
mod helpers;
mod loading;
mod lookups;
mod options;
mod outliving;
mod streams;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tests that count threads or measure time are not to meet.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
