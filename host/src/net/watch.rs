//! Loops that do not turn any more are told, with what they are at.
//!
//! A loop says with a store what it begins; a thread looks at it once a second. What it says costs nothing that could be
//! measured, and the thread nothing while all is well.
use super::keys::StreamKey;
use crate::made_in::MadeIn;
use crate::plugin::CallName;
use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a loop is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// It waits for something to do.
    Rest,
    Messages,
    Socket,
    Listener,
    Connection,
    Relay,
    Time,
    Streams,
    Sending,
    Application,
    Call(CallName),
}

/// What a loop says of itself.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// How many turns it has begun, above what it is [`At`].
    state: AtomicU64,
    /// Whose call it is at.
    stream: AtomicU64,
    /// When its turn began, in nanoseconds of its clock.
    began: AtomicU64,
    /// How long its turns take, in nanoseconds, how long a stream has waited behind the last one, and when that was found.
    took: AtomicU64,
    waits: AtomicU64,
    found: AtomicU64,
    /// The ids of the plugins of its streams.
    plugins: Mutex<HashMap<StreamKey, String>>,
}

/// How an event loop is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopState {
    /// How often it has turned. A turn takes what has come for all its streams.
    pub turns: u64,
    /// How late it is. It is how long a turn takes of late, which is how long a datagram may have to wait: an average of
    /// the last ones, or the present one if that takes longer; or how long a stream has waited for what it wants, such as
    /// a step of its handshake, if that is longer still. None where nothing has come for a second.
    pub lag: Duration,
    /// It has been in one turn for 2 s: what holds it is in the log.
    pub is_stuck: bool,
}

/// A turn counts so much less than all before it together.
const AVERAGE: u64 = 8;
/// So long is no turn.
const STUCK: Duration = Duration::from_secs(2);
/// Bits of what a loop is at.
const AT: u32 = 8;
/// Calls are counted from here.
const CALLS: u64 = 16;
const OTHERS: [At; 10] = [
    At::Rest,
    At::Messages,
    At::Socket,
    At::Listener,
    At::Connection,
    At::Relay,
    At::Time,
    At::Streams,
    At::Sending,
    At::Application,
];

impl Pulse {
    /// A turn begins.
    pub(super) fn turn(&self) {
        // No other thread stores.
        let turns = self.state.load(Ordering::Relaxed) >> AT;
        let state = turns.wrapping_add(1) << AT | At::Messages.code();
        self.state.store(state, Ordering::Relaxed);
    }

    /// When the turn has begun.
    pub(super) fn began(&self, nanos: u64) {
        self.began.store(nanos, Ordering::Relaxed);
    }

    /// When the turn has ended, and how long a stream has waited for the next ones.
    pub(super) fn turned(&self, nanos: u64, waits: Duration) {
        let took = nanos.saturating_sub(self.began.load(Ordering::Relaxed));
        let average = self.took.load(Ordering::Relaxed);
        let average = average - average / AVERAGE + took / AVERAGE;
        self.took.store(average, Ordering::Relaxed);
        let waits = u64::try_from(waits.as_nanos()).unwrap_or(u64::MAX);
        self.waits.store(waits, Ordering::Relaxed);
        self.found.store(nanos, Ordering::Relaxed);
    }

    /// How it is at this time of its clock.
    pub(crate) fn state(&self, nanos: u64) -> LoopState {
        let turns = self.state.load(Ordering::Relaxed) >> AT;
        let since = |then: &AtomicU64| {
            Duration::from_nanos(nanos.saturating_sub(then.load(Ordering::Relaxed)))
        };
        let present = self.busy().map_or(Duration::ZERO, |_| since(&self.began));
        let of_late = match since(&self.found) < GLANCE {
            true => [&self.took, &self.waits].map(|nanos| nanos.load(Ordering::Relaxed)),
            false => [0; 2],
        };
        let of_late = of_late.map(Duration::from_nanos).into_iter().max();
        LoopState {
            turns,
            lag: of_late.unwrap_or_default().max(present),
            is_stuck: present >= STUCK,
        }
    }

    /// What follows in this turn.
    pub(super) fn at(&self, at: At) {
        let turns = self.state.load(Ordering::Relaxed) >> AT;
        self.state.store(turns << AT | at.code(), Ordering::Relaxed);
    }

    /// A call of a stream's plugin follows.
    pub(super) fn call(&self, stream: StreamKey, call: CallName) {
        self.stream.store(stream, Ordering::Relaxed);
        self.at(At::Call(call));
    }

    pub(super) fn opened(&self, stream: StreamKey, plugin: &str) {
        self.plugins().insert(stream, plugin.to_owned());
    }

    pub(super) fn ended(&self, stream: StreamKey) {
        self.plugins().remove(&stream);
    }

    /// Its turn, unless it rests.
    fn busy(&self) -> Option<u64> {
        let state = self.state.load(Ordering::Relaxed);
        (At::of(state) != At::Rest).then_some(state >> AT)
    }

    /// What it is at, and what to do about it.
    fn words(&self) -> String {
        let report = |what| format!("it is at {what}: please report this");
        match At::of(self.state.load(Ordering::Relaxed)) {
            At::Rest => report("rest"),
            At::Messages => report("messages of the application's"),
            At::Socket => report("datagrams that have come"),
            At::Listener => report("connections that have come"),
            At::Connection => report("a connection to a peer"),
            At::Relay => report("a connection to a relay"),
            At::Time => report("what is due"),
            At::Streams => report("what its streams want"),
            At::Sending => report("sending"),
            At::Application => {
                "it waits for what the application does with an event: let that return at once"
                    .to_owned()
            }
            At::Call(call) => {
                let stream = self.stream.load(Ordering::Relaxed);
                let plugin = self.plugins().get(&stream).cloned().unwrap_or_default();
                let call = call.as_str();
                format!(
                    "plugin {plugin} is in its {call}: tell its author, and run `handclasp check` on it"
                )
            }
        }
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<StreamKey, String>> {
        // No code that could panic runs under this lock.
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl At {
    fn code(self) -> u64 {
        match self {
            Self::Call(call) => CALLS + call as u64,
            other => OTHERS.iter().position(|it| *it == other).unwrap_or(0) as u64,
        }
    }

    fn of(state: u64) -> Self {
        let code = state & ((1 << AT) - 1);
        let call = CallName::ALL
            .iter()
            .find(|call| CALLS + **call as u64 == code);
        let other = usize::try_from(code).ok().and_then(|code| OTHERS.get(code));
        match (call, other) {
            (Some(call), _) => Self::Call(*call),
            (None, other) => other.copied().unwrap_or(Self::Rest),
        }
    }
}

/// How often is looked.
const GLANCE: Duration = Duration::from_secs(1);
/// A loop that has been in one turn for so many looks has not turned for two seconds. Looks are counted, not time: in a
/// process that was stopped meanwhile nothing hangs.
const TOO_LONG: u32 = 3;

/// One that looks at loops until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    made_in: MadeIn,
}

impl Watch {
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(loops: Vec<Arc<Pulse>>) -> io::Result<Self> {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (shared, mut looks) = (Arc::clone(&ended), Looks::at(loops));
        let thread = thread::Builder::new()
            .name("handclasp-watch".to_owned())
            .spawn(move || {
                let (ended, told) = &*shared;
                let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
                while !*guard {
                    let waited = told.wait_timeout(guard, GLANCE);
                    (guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
                    looks.look();
                }
            })?;
        Ok(Self {
            ended,
            thread: Some(thread),
            made_in: MadeIn::this_process(),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.made_in.is_another_process() {
            return mem::forget(self.thread.take()); // there is none
        }
        let (ended, told) = &*self.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        told.notify_all();
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// What was seen of each loop: its turn, and in how many looks.
struct Looks(Vec<(Arc<Pulse>, u64, u32)>);

impl Looks {
    fn at(loops: Vec<Arc<Pulse>>) -> Self {
        Self(loops.into_iter().map(|pulse| (pulse, 0, 0)).collect())
    }

    fn look(&mut self) {
        for (number, (pulse, turn, seen)) in self.0.iter_mut().enumerate() {
            let busy = pulse.busy();
            let same = busy == Some(*turn);
            if !same && *seen >= TOO_LONG {
                tracing::warn!("event loop {number} turns again");
            }
            *seen = match busy {
                Some(_) if same => seen.saturating_add(1),
                Some(_) => 1,
                None => 0,
            };
            *turn = busy.unwrap_or(*turn);
            if *seen == TOO_LONG {
                let words = pulse.words();
                tracing::error!("event loop {number} has not turned for 2 s: {words}");
            }
        }
    }

    #[cfg(test)]
    fn seen(&self) -> Vec<u32> {
        self.0.iter().map(|(_, _, seen)| *seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_turn_that_goes_on_is_counted() {
        let pulse = Arc::new(Pulse::default());
        let mut looks = Looks::at(vec![Arc::clone(&pulse)]);
        let mut look = || {
            looks.look();
            looks.seen()[0]
        };
        assert_eq!((look(), look()), (0, 0)); // it rests
        pulse.turn();
        assert_eq!((look(), look()), (1, 2));
        pulse.at(At::Relay);
        assert_eq!(look(), 3);
        pulse.turn();
        assert_eq!(look(), 1);
        pulse.at(At::Rest);
        assert_eq!(look(), 0);
    }

    #[test]
    fn a_loop_lags_as_its_turns_do() {
        const MS: u64 = 1_000_000;
        let pulse = Pulse::default();
        assert_eq!(pulse.state(5 * MS), LoopState::default());
        for turn in 0..100 {
            pulse.turn();
            pulse.began(turn * 10 * MS);
            pulse.turned(turn * 10 * MS + 8 * MS, Duration::ZERO);
            pulse.at(At::Rest);
        }
        let state = pulse.state(1_000 * MS);
        assert_eq!((state.turns, state.is_stuck), (100, false));
        assert!(state.lag.as_millis().abs_diff(8) <= 1, "{state:?}");
        assert_eq!(pulse.state(3_000 * MS).lag, Duration::ZERO, "it rests");
        pulse.turn();
        pulse.began(3_000 * MS);
        assert_eq!(pulse.state(3_500 * MS).lag, Duration::from_millis(500));
        assert!(pulse.state(5_000 * MS).is_stuck);
    }

    #[test]
    fn a_loop_is_as_late_as_the_stream_that_waits_longest() {
        let pulse = Pulse::default();
        let waits = Duration::from_millis(70);
        pulse.turned(1_000_000, waits);
        assert_eq!(pulse.state(1_000_000).lag, waits);
        pulse.turned(2_000_000, Duration::ZERO);
        assert!(pulse.state(2_000_000).lag < Duration::from_millis(1));
    }

    #[test]
    fn a_loop_is_where_it_says() {
        let pulse = Pulse::default();
        pulse.opened(7, "mine");
        pulse.turn();
        for at in OTHERS.into_iter().chain(CallName::ALL.map(At::Call)) {
            pulse.at(at);
            assert_eq!(At::of(pulse.state.load(Ordering::Relaxed)), at);
        }
        pulse.call(7, CallName::OnWake);
        let words = pulse.words();
        assert!(
            words.starts_with("plugin mine is in its on_wake:"),
            "{words}"
        );
    }
}
