//! Which check runs when: each as soon as the one it needs is done, several at once.
use super::checks::file::Library;
use super::child::Children;
use super::definition::{Check, Run};
use super::outcome::Objection;
use super::row::Row;
use super::show::Show;
use std::num::NonZero;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// All checks, and how far each has come.
pub(super) struct Board<'a> {
    checks: &'a [&'static Check],
    library: &'a Library,
    children: &'a Children<'a>,
    started: Instant,
    states: Mutex<Vec<State>>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Running,
    Done(Row),
}

impl State {
    fn is_misused(&self) -> bool {
        matches!(self, Self::Done(row) if matches!(row.outcome, Err(Objection::Usage(_))))
    }
}

/// What a worker tells while it works: the check's place in the table, and its row once it is done.
enum News {
    Started(usize),
    Done(usize, Row),
}

/// How long all checks may take together before no more begin. Each keeps to a time of its own, so that this is reached
/// by a plugin only that makes many of them slow.
const IN_ALL: Duration = Duration::from_secs(300);
/// A sanitizer makes everything slower.
const SANITIZED: u32 = 20;

/// How often whoever watches is told that it goes on.
const TICK: Duration = Duration::from_millis(200);
/// At least as many at once: a check in real time mostly waits.
const WORKERS: usize = 4;

impl<'a> Board<'a> {
    pub(super) fn new(
        checks: &'a [&'static Check],
        library: &'a Library,
        children: &'a Children<'a>,
    ) -> Self {
        Self {
            checks,
            library,
            children,
            started: Instant::now(),
            states: Mutex::new(vec![State::Waiting; checks.len()]),
            changed: Condvar::new(),
        }
    }

    /// Runs every check; the rows are those of the table, in its order.
    pub(super) fn run(&self, show: &mut Show) -> Vec<Row> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let (sender, news) = channel();
        thread::scope(|scope| {
            for _ in 0..cores.max(WORKERS) {
                let sender = sender.clone();
                scope.spawn(move || self.work(&sender));
            }
            drop(sender);
            loop {
                match news.recv_timeout(TICK) {
                    Ok(News::Started(place)) => show.started(place),
                    Ok(News::Done(place, row)) => show.done(place, row),
                    Err(RecvTimeoutError::Timeout) => show.tick(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
        let row = |state: &State| match state {
            State::Done(row) => Some(row.clone()),
            State::Waiting | State::Running => None,
        };
        self.states().iter().filter_map(row).collect()
    }

    fn work(&self, sender: &Sender<News>) {
        while let Some((place, unmet)) = self.take() {
            let check = self.checks[place];
            let unmet = unmet.or_else(|| self.lateness());
            // Whoever shows it lives longer than this thread.
            let _ = sender.send(News::Started(place));
            let started = Instant::now();
            let (outcome, seen) = match (unmet, &check.run) {
                (Some(reason), _) => (Err(Objection::Skip(reason)), None),
                (None, Run::Reading(read)) => (read(self.library), None),
                (None, Run::Calling(_) | Run::Reloading(_) | Run::Listening(_)) => {
                    self.children.run(check)
                }
            };
            let took = started.elapsed();
            let row = Row {
                check,
                outcome,
                seen,
                took,
            };
            let _ = sender.send(News::Done(place, row.clone()));
            self.states()[place] = State::Done(row);
            self.changed.notify_all();
        }
    }

    /// The next check to run; with the reason if it cannot say anything. Waits for those that others need. None
    /// once the command line turned out not to suit the plugin.
    fn take(&self) -> Option<(usize, Option<String>)> {
        let mut states = self.states();
        while !states.iter().any(State::is_misused) {
            let waiting = |place: &usize| matches!(states[*place], State::Waiting);
            let mut places = (0..self.checks.len()).filter(waiting).peekable();
            places.peek()?;
            let next = places.find_map(|place| match self.needed(&states, place) {
                Need::Met => Some((place, None)),
                Need::Unmet(reason) => Some((place, Some(reason))),
                Need::Open => None,
            });
            if let Some((place, unmet)) = next {
                states[place] = State::Running;
                return Some((place, unmet));
            }
            states = (self.changed.wait(states)).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Why no more checks begin, if so.
    fn lateness(&self) -> Option<String> {
        let factor = if self.children.sanitizer.is_some() {
            SANITIZED
        } else {
            1
        };
        let is_late = self.started.elapsed() > IN_ALL * factor;
        is_late.then(|| {
            let seconds = self.started.elapsed().as_secs();
            format!("the others have taken {seconds} s: --only runs this one alone")
        })
    }

    /// What has become of the check that the one at `place` needs.
    fn needed(&self, states: &[State], place: usize) -> Need {
        let Some(name) = self.checks[place].needs else {
            return Need::Met;
        };
        let needed = self.checks.iter().position(|check| check.name == name);
        let needed = needed.expect("a check is selected with what it needs");
        match &states[needed] {
            State::Done(Row {
                outcome: Ok(()) | Err(Objection::Warning(_)),
                ..
            }) => Need::Met,
            // It has nothing to say of this plugin: then what it needs must be met.
            State::Done(Row {
                outcome: Err(Objection::Skip(_)),
                ..
            }) => self.needed(states, needed),
            State::Done(_) => Need::Unmet(format!("it needs `{name}`, which is not ok")),
            State::Waiting | State::Running => Need::Open,
        }
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Need {
    Met,
    /// Why not.
    Unmet(String),
    /// It is not done yet.
    Open,
}
