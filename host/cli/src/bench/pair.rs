//! Two streams of one host, and the signalling between them, which stays on the event loop's thread.
use super::reports::Reports;
use crate::signalling::{Side, signal};
use crate::srtp_keys::SrtpKeys;
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, Context, StreamHandle, StreamRef};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// What becomes of a pair that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is reported, and stays.
    Hold,
    /// It stops, and is reported when both streams have.
    Stop,
}

pub(super) struct Pair {
    then: Then,
    state: Mutex<State>,
    reports: Arc<Reports>,
}

#[derive(Default)]
struct State {
    streams: Option<[StreamHandle; 2]>,
    /// What was said before both streams were known.
    early: Vec<(Side, Message)>,
    agreed: [Option<Zeroizing<Vec<u8>>>; 2],
    stopped: u8,
}

impl Pair {
    pub(super) fn new(then: Then, reports: Arc<Reports>) -> Arc<Self> {
        Arc::new(Self {
            then,
            state: Mutex::default(),
            reports,
        })
    }

    /// The application of one of its streams.
    pub(super) fn application(self: &Arc<Self>, side: Side) -> Box<dyn Application> {
        Box::new(End {
            pair: Arc::clone(self),
            side,
        })
    }

    /// Both streams are open: each can hear the other.
    pub(super) fn connect(&self, streams: [StreamHandle; 2]) {
        let mut state = self.lock();
        for (to, message) in state.early.drain(..) {
            self.send(&streams[to as usize], message);
        }
        state.streams = Some(streams);
    }

    /// One of its streams, unless it has stopped.
    pub(super) fn stream(&self, side: Side) -> Option<StreamRef> {
        let state = self.lock();
        let streams = state.streams.as_ref()?;
        Some(streams[side as usize].downgrade())
    }

    /// Stops both streams; reported when both have.
    pub(super) fn stop(&self) {
        self.lock().streams = None;
    }

    fn tell(&self, to: Side, message: Message) {
        let mut state = self.lock();
        match &state.streams {
            Some(streams) => self.send(&streams[to as usize], message),
            None => state.early.push((to, message)),
        }
    }

    fn send(&self, stream: &StreamHandle, message: Message) {
        if let Err(error) = stream.send(message) {
            self.reports.fail(error.to_string());
        }
    }

    fn note_ready(&self, side: Side, data: Zeroizing<Vec<u8>>) {
        let mut state = self.lock();
        state.agreed[side as usize] = Some(data);
        let [Some(a), Some(b)] = &state.agreed else {
            return;
        };
        if !agree(a, b) {
            self.reports.fail("the two sides' keys differ".to_owned());
        } else if self.then == Then::Stop {
            state.streams = None;
        } else {
            self.reports.add();
        }
    }

    fn note_stopped(&self) {
        let mut state = self.lock();
        state.stopped += 1;
        if state.stopped == 2 {
            self.reports.add();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two sides' `srtp-keys` are each other's, or neither has any.
fn agree(a: &[u8], b: &[u8]) -> bool {
    match (SrtpKeys::parse(a), SrtpKeys::parse(b)) {
        (Some(a), Some(b)) => a.mirrors(b),
        _ => a == b,
    }
}

/// One side of a pair.
struct End {
    pair: Arc<Pair>,
    side: Side,
}

impl Application for End {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        if let Some(message) = signal(self.side, &notification) {
            return self.pair.tell(self.side.other(), message);
        }
        match notification {
            Notification::ComponentStateReady { data, .. } => self.pair.note_ready(self.side, data),
            Notification::ComponentStateFailed { reason, .. } => {
                self.pair.reports.fail(reason.to_string());
            }
            Notification::Stopped => self.pair.note_stopped(),
            _ => {}
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}

    fn answer(&mut self, _: &mut Context<'_>, _: Option<u64>, answer: Result<(), Refused>) {
        if let Err(refused) = answer {
            self.pair.reports.fail(refused.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn keys_agree_crosswise() {
        let head = [0, 7, 2, 1];
        let keys = |local: [u8; 3], remote: [u8; 3]| [&head[..], &local, &remote].concat();
        let (a, b) = ([1, 2, 3], [4, 5, 6]);
        assert!(agree(&keys(a, b), &keys(b, a)));
        assert!(!agree(&keys(a, b), &keys(a, b)));
        assert!(!agree(&keys(a, b), &keys(b, b)));
        assert!(!agree(&keys(a, b), &[]));
        assert!(agree(&[], &[]));
    }
}
