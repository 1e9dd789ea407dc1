//! Many streams on one UDP port, over loopback: whose datagram is whose, and what a flood can do.
mod crowd;
mod fair;
mod flood;
mod forward;
mod lite;
mod moves;
mod ports;
mod streams;
mod takeover;
mod tuple;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many event loops there are.
const LOOPS: [usize; 3] = [1, 2, 4];

/// One test at a time: they measure the memory of the process, and open most of the files it may.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
