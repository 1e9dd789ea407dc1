//! Which check runs when: each as soon as the one it needs is done, several at once.
use super::checks::file::Library;
use super::child::Children;
use super::outcome::{Checked, Objection};
use super::show::Show;
use super::table::{CHECKS, Check, Run};
use std::num::NonZero;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A check that is done.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) check: &'static Check,
    pub(super) outcome: Checked,
    pub(super) took: Duration,
}

/// All checks, and how far each has come.
pub(super) struct Board<'a> {
    library: &'a Library,
    children: &'a Children<'a>,
    states: Mutex<Vec<State>>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Running,
    Done(Row),
}

/// What a worker tells while it works: the check's place in the table, and its row once it is done.
enum News {
    Started(usize),
    Done(usize, Row),
}

/// How often whoever watches is told that it goes on.
const TICK: Duration = Duration::from_millis(200);
/// At least as many at once: a check in real time mostly waits.
const WORKERS: usize = 4;

impl<'a> Board<'a> {
    pub(super) fn new(library: &'a Library, children: &'a Children<'a>) -> Self {
        Self {
            library,
            children,
            states: Mutex::new(vec![State::Waiting; CHECKS.len()]),
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
            let check = CHECKS[place];
            // Whoever shows it lives longer than this thread.
            let _ = sender.send(News::Started(place));
            let started = Instant::now();
            let outcome = match (unmet, &check.run) {
                (Some(reason), _) => Err(Objection::Skip(reason)),
                (None, Run::Reading(read)) => read(self.library),
                (None, Run::Calling(_)) => self.children.run(check),
            };
            let took = started.elapsed();
            let row = Row {
                check,
                outcome,
                took,
            };
            let _ = sender.send(News::Done(place, row.clone()));
            self.states()[place] = State::Done(row);
            self.changed.notify_all();
        }
    }

    /// The next check to run; with the reason if it cannot say anything. Waits for those that others need.
    fn take(&self) -> Option<(usize, Option<String>)> {
        let mut states = self.states();
        loop {
            let waiting = |state: &State| matches!(state, State::Waiting);
            if !states.iter().any(waiting) {
                return None;
            }
            let able =
                |place: &usize| waiting(&states[*place]) && is_decided(&states, CHECKS[*place]);
            if let Some(place) = (0..CHECKS.len()).find(able) {
                let unmet = unmet(&states, CHECKS[place]);
                states[place] = State::Running;
                return Some((place, unmet));
            }
            states = self
                .changed
                .wait(states)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has become of the check this one needs.
fn needed<'s>(states: &'s [State], check: &Check) -> Option<&'s State> {
    let name = check.needs?;
    let place = CHECKS.iter().position(|check| check.name == name);
    Some(&states[place.expect("the table names checks that are in it")])
}

fn is_decided(states: &[State], check: &Check) -> bool {
    matches!(needed(states, check), None | Some(State::Done(_)))
}

/// Why this check can say nothing, if the one it needs is not ok.
fn unmet(states: &[State], check: &Check) -> Option<String> {
    match needed(states, check)? {
        State::Done(Row {
            check,
            outcome: Err(_),
            ..
        }) => Some(format!("it needs `{}`, which is not ok", check.name)),
        _ => None,
    }
}
