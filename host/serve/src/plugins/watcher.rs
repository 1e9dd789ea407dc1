//! Directories that change.
use super::keeper::{Keeper, Looked};
use handclasp::plugin::Stamp;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, mem};

/// A thread that looks into the plugin directories whenever something has changed there, and when it is asked to.
///
/// It ends with this value, once it has done what it is at.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    wishes: Sender<Wish>,
    is_over: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Wish {
    /// Something may have changed.
    Changed,
    /// Somebody waits for a look at all of it.
    Look(SyncSender<Looked>),
}

/// How the directories are watched.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) directories: Vec<PathBuf>,
    /// Whether the system is asked to tell of changes.
    pub(crate) by_system: bool,
    /// How often to look where the system tells nothing, as on network file systems.
    pub(crate) poll: Option<Duration>,
}

/// So long nothing must have changed before a look: a burst of changes is one.
const QUIET: Duration = Duration::from_millis(100);
/// A look is not put off longer than this, however much changes.
const LONGEST: Duration = Duration::from_millis(400);
/// How soon to look again at what is being written, or has just gone.
const AGAIN: Duration = Duration::from_millis(200);
/// How often to see whether directories have come or gone, or been exchanged.
const GLANCE: Duration = Duration::from_millis(500);

impl Watcher {
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(keeper: Arc<Keeper>, watched: Watched) -> io::Result<Self> {
        let (wishes, inbox) = mpsc::channel();
        let (changed, is_over) = (wishes.clone(), Arc::<AtomicBool>::default());
        let is_to_end = Arc::clone(&is_over);
        let thread = thread::Builder::new().name("handclasp-plugins".to_owned());
        thread.spawn(move || {
            let tell = move || {
                let _ = changed.send(Wish::Changed); // at the daemon's end nobody listens
            };
            Watching::new(keeper, watched, tell).run(&inbox, &is_to_end);
        })?;
        Ok(Self { wishes, is_over })
    }

    /// Looks at everything now, also at what was refused before, and waits for what it comes to. `None` at the end of
    /// the daemon.
    pub(crate) fn look(&self) -> Option<Looked> {
        let (done, looked) = mpsc::sync_channel(1);
        self.wishes.send(Wish::Look(done)).ok()?;
        looked.recv().ok()
    }

    /// It looks no more, once it has done what it is at.
    pub(crate) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.wishes.send(Wish::Changed); // it may have ended
    }
}

struct Watching {
    keeper: Arc<Keeper>,
    watched: Watched,
    system: Option<RecommendedWatcher>,
    /// By directory, what the system watches: device and inode.
    known: HashMap<PathBuf, Option<(u64, u64)>>,
    /// The directories as they were.
    stamps: Vec<Option<Stamp>>,
}

impl Watching {
    fn new(keeper: Arc<Keeper>, watched: Watched, tell: impl Fn() + Send + 'static) -> Self {
        let by_system = watched.by_system.then(|| {
            notify::recommended_watcher(move |event: notify::Result<Event>| {
                if event.is_ok_and(|event| is_change(&event)) {
                    tell();
                }
            })
        });
        let system = by_system.and_then(|watcher| {
            watcher
                .inspect_err(|error| {
                    tracing::warn!(
                        "plugin directories cannot be watched ({error}): changes are used after `handclasp ctl reload`, \
                         or set plugins.poll"
                    );
                })
                .ok()
        });
        Self {
            keeper,
            watched,
            system,
            known: HashMap::new(),
            stamps: Vec::new(),
        }
    }

    fn run(mut self, inbox: &Receiver<Wish>, is_over: &AtomicBool) {
        self.watch();
        let mut next_poll = self.watched.poll.map(|every| Instant::now() + every);
        let (mut changed, mut again) = (false, false);
        while !is_over.load(Ordering::Relaxed) {
            let wait = match again || changed {
                true => AGAIN,
                false => self.rest(next_poll),
            };
            match inbox.recv_timeout(wait) {
                Ok(Wish::Changed) => {
                    let waiting = settle(inbox);
                    changed = true;
                    if self.serve(waiting) {
                        (changed, again) = (false, false);
                        continue;
                    }
                }
                Ok(wish) => {
                    if self.serve(vec![wish]) {
                        (changed, again) = (false, false);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let is_due = next_poll.is_some_and(|at| at <= Instant::now());
            if is_due {
                next_poll = self.watched.poll.map(|every| Instant::now() + every);
            }
            // What the system does not tell is seen a little later.
            let is_other = self.watch() || self.have_changed() || self.keeper.has_changed();
            if is_other || mem::take(&mut changed) || again || is_due {
                changed = false;
                again = self.keeper.look(false).again;
            }
            self.keeper.judge();
        }
    }

    fn rest(&self, next_poll: Option<Instant>) -> Duration {
        let until = next_poll.map(|at| at.saturating_duration_since(Instant::now()));
        until.map_or(GLANCE, |until| until.min(GLANCE))
    }

    /// Does what was asked; returns whether that was a look.
    fn serve(&self, wishes: Vec<Wish>) -> bool {
        let mut has_looked = false;
        for wish in wishes {
            match wish {
                Wish::Changed => {}
                Wish::Look(done) => {
                    let mut looked = self.keeper.look(true);
                    let until = Instant::now() + LONGEST * 4;
                    while looked.again && Instant::now() < until {
                        thread::sleep(QUIET);
                        let more = self.keeper.look(false);
                        looked.loaded.extend(more.loaded);
                        looked.retired.extend(more.retired);
                        looked.refused = more.refused;
                        looked.again = more.again;
                    }
                    has_looked = !looked.again;
                    let _ = done.send(looked); // who asked may have gone
                }
            }
        }
        has_looked
    }

    /// Whether something has come to a directory, or gone from it.
    fn have_changed(&mut self) -> bool {
        let stamps = self
            .watched
            .directories
            .iter()
            .map(|directory| Stamp::of(directory));
        let stamps: Vec<_> = stamps.collect();
        mem::replace(&mut self.stamps, stamps.clone()) != stamps
    }

    /// Has the system watch the directories as they are now. Returns whether one has come, gone or been exchanged.
    fn watch(&mut self) -> bool {
        let mut has_changed = false;
        for directory in &self.watched.directories {
            let identity = identity(directory);
            if self.known.get(directory) == Some(&identity) {
                continue;
            }
            has_changed = true;
            if let Some(system) = &mut self.system {
                let _ = system.unwatch(directory); // the system may have done that already
                if identity.is_some()
                    && let Err(error) = system.watch(directory, RecursiveMode::NonRecursive)
                {
                    tracing::warn!(
                        "{} cannot be watched ({error}): changes there are used after `handclasp ctl reload`, or set \
                         plugins.poll",
                        directory.display()
                    );
                }
            }
            self.known.insert(directory.clone(), identity);
        }
        has_changed
    }
}

/// Waits until nothing has changed for a while; returns what else was asked meanwhile.
fn settle(inbox: &Receiver<Wish>) -> Vec<Wish> {
    let until = Instant::now() + LONGEST;
    let mut others = Vec::new();
    while let Ok(wish) = inbox.recv_timeout(QUIET) {
        if !matches!(wish, Wish::Changed) {
            others.push(wish);
        }
        if Instant::now() >= until {
            break;
        }
    }
    others
}

/// Whether a plugin may be another one after this. What is read changes nothing.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(unix)]
fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(directory).ok().filter(fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(directory: &Path) -> Option<(u64, u64)> {
    fs::metadata(directory)
        .ok()
        .filter(fs::Metadata::is_dir)
        .map(|_| (0, 0))
}
