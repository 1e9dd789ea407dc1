//! How many pairs have come as far as they were to. Whoever waits is woken for many at a time, so that the core
//! is the host's.
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Reports {
    state: Mutex<State>,
    enough: Condvar,
}

#[derive(Default)]
struct State {
    count: u64,
    wanted: u64,
    failure: Option<String>,
}

/// Longer than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(40);

impl Reports {
    /// A pair has come as far as it was to.
    pub(super) fn add(&self) {
        let mut state = self.lock();
        state.count += 1;
        if state.count >= state.wanted {
            self.enough.notify_one();
        }
    }

    /// A pair went wrong, for a reason.
    pub(super) fn fail(&self, reason: String) {
        self.lock().failure.get_or_insert(reason);
        self.enough.notify_one();
    }

    /// Waits for `wanted` reports or more, and takes all there are.
    pub(super) fn take(&self, wanted: u64) -> Result<u64, String> {
        let mut state = self.lock();
        state.wanted = wanted;
        let waiting = |state: &mut State| state.count < wanted && state.failure.is_none();
        let (mut state, _) = self
            .enough
            .wait_timeout_while(state, PATIENCE, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        match &state.failure {
            Some(reason) => Err(format!("a session failed: {reason}")),
            None if state.count < wanted => Err("a session got stuck".to_owned()),
            None => Ok(std::mem::take(&mut state.count)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
