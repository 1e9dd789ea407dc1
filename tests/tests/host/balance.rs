//! Streams that end in every way there is: each instance is destroyed once, and each application told of its end once, as
//! the last word.
use crate::peers::options;
use crate::report::PATIENCE;
use handclasp::plugin::{Role, Scanner, SearchPath};
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, Context, Host, HostOptions, StreamHandle, StreamRef};
use handclasp_tests::{await_that, fixture};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Of all streams together.
#[derive(Debug, Default)]
struct Totals {
    opened: AtomicUsize,
    refused: AtomicUsize,
    dropped: AtomicUsize,
    stopped: AtomicUsize,
    /// Calls behind the last word.
    late: AtomicUsize,
    sent: AtomicUsize,
    answered: AtomicUsize,
    /// How streams ended: by their failures' first words.
    ends: Mutex<HashMap<String, usize>>,
}

/// Counts what it is told; signals to a peer.
struct Tally {
    totals: Arc<Totals>,
    peer: Arc<OnceLock<StreamRef>>,
    role: Role,
    panics: bool,
    has_stopped: bool,
}

impl Tally {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self) {
        if self.has_stopped {
            Self::count(&self.totals.late);
        }
    }

    fn note_end(&self, reason: &str) {
        let mut ends = self.totals.ends.lock().expect("nothing panics with it");
        let words: Vec<_> = reason.split_whitespace().take(3).collect();
        *ends.entry(words.join(" ")).or_default() += 1;
    }
}

impl Application for Tally {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        self.note();
        if let (Some(peer), Some(message)) = (self.peer.get(), notification.for_peer(self.role)) {
            let _ = peer.send(message); // it may have ended
        }
        match notification {
            Notification::Stopped => {
                self.has_stopped = true;
                Self::count(&self.totals.stopped);
            }
            Notification::ComponentStateFailed { reason, .. } => {
                self.note_end(&reason.to_string());
            }
            Notification::ComponentClosed { .. } => self.note_end("closed"),
            Notification::CandidateGatheringDone if self.panics => panic!("as the test wants"),
            _ => {}
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {
        self.note();
    }

    fn answer(&mut self, _: &mut Context<'_>, number: Option<u64>, _: Result<(), Refused>) {
        self.note();
        if number.is_some() {
            Self::count(&self.totals.answered);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        Self::count(&self.totals.dropped);
    }
}

/// Where instances are noted, and the plugin that does.
struct Notes {
    directory: TempDir,
}

impl Notes {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let library = directory.path().join("counts.so");
        fs::copy(fixture("counts", &[]), library).expect("it was just compiled");
        Self { directory }
    }

    fn host(&self, loops: usize) -> Host {
        let plugins = vec![self.directory.path().to_owned()];
        let plugins = SearchPath::from_dirs(plugins).expect("it is there");
        let options = HostOptions::new(plugins).scanner(Scanner::none());
        Host::new(options.loops(loops)).expect("a host")
    }

    fn file(&self) -> String {
        let file = self.directory.path().join("notes");
        file.to_str().expect("it has a plain name").to_owned()
    }

    /// How many instances were made, and how many destroyed.
    fn read(&self) -> (usize, usize) {
        let notes = fs::read(Path::new(&self.file())).unwrap_or_default();
        let count = |letter| notes.iter().filter(|it| **it == letter).count();
        (count(b'i'), count(b'd'))
    }
}

/// A thread's streams, until the host is shut down or it has opened so many.
fn open_and_end(host: &Host, notes: &str, totals: &Arc<Totals>, seed: u64, most: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut held: Vec<StreamHandle> = Vec::new();
    for _ in 0..most {
        let how = random
            .choice(["", "", "sleep", "fail"])
            .expect("there are some");
        let peers = [(); 2].map(|()| Arc::new(OnceLock::new()));
        let mut pair = Vec::new();
        for (side, role) in [Role::Responder, Role::Initiator].into_iter().enumerate() {
            let mut timeout = |most| Duration::from_millis(random.u64(1..most));
            let options = options("counts")
                .controlling(side == 0)
                .plugin_options([("notes", notes), ("how", how)])
                .init_timeout(timeout(50))
                .handshake_timeout(timeout(50))
                .ice_timeout(timeout(500));
            let tally = Tally {
                totals: Arc::clone(totals),
                peer: Arc::clone(&peers[1 - side]),
                role,
                panics: random.u8(..) < 8,
                has_stopped: false,
            };
            match host.open(options, tally) {
                Ok(stream) => {
                    Tally::count(&totals.opened);
                    let _ = peers[side].set(stream.downgrade());
                    pair.push(stream);
                }
                Err(_) => Tally::count(&totals.refused),
            }
        }
        for stream in pair {
            let number = random.u64(..);
            let message = match random.u8(..6) {
                0 => Message::Stop,
                1 => Message::Close,
                2 => Message::RestartStream,
                3 => Message::GatherCandidates,
                _ => Message::GenerateLocalSdp,
            };
            if stream.send_numbered(number, message).is_ok() {
                Tally::count(&totals.sent);
            }
            held.push(stream);
        }
        // Some end at once, others after a while, or by themselves.
        thread::sleep(Duration::from_micros(random.u64(..2000)));
        while held.len() > random.usize(..32) {
            drop(held.swap_remove(random.usize(..held.len())));
        }
    }
    thread::sleep(Duration::from_millis(random.u64(..100)));
}

fn balance(streams: usize) {
    const THREADS: usize = 8;
    const ROUND: usize = 50; // pairs of a thread
    let (notes, totals) = (Notes::new(), Arc::<Totals>::default());
    let mut round = 0;
    while totals.opened.load(Ordering::Relaxed) < streams {
        let host = notes.host(1 + round % 3);
        let threads = (0..THREADS).map(|thread| {
            let (host, notes, totals) = (host.clone(), notes.file(), Arc::clone(&totals));
            let seed = (round * THREADS + thread) as u64;
            thread::spawn(move || open_and_end(&host, &notes, &totals, seed, ROUND))
        });
        let threads: Vec<_> = threads.collect();
        if round % 2 == 0 {
            // In the middle of it.
            let begun = totals.opened.load(Ordering::Relaxed);
            await_that("streams are opened", || {
                totals.opened.load(Ordering::Relaxed) >= begun + THREADS * ROUND / 2
            });
            let ended = host.shutdown(PATIENCE);
            ended.expect("nothing takes that long");
        }
        for thread in threads {
            thread.join().expect("it does not panic");
        }
        drop(host);
        round += 1;
    }
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    await_that("every application is dropped", || {
        of(&totals.dropped) == of(&totals.opened) + of(&totals.refused)
    });
    println!("{round} hosts, {totals:?}, {:?}", notes.read());
    assert_eq!(of(&totals.stopped), of(&totals.opened));
    assert_eq!(of(&totals.answered), of(&totals.sent));
    assert_eq!(of(&totals.late), 0);
    let (made, destroyed) = notes.read();
    assert_eq!(made, destroyed);
    assert!(made > 0);
    let ends = totals.ends.lock().expect("nothing panics with it");
    for kind in ["closed", "the application panicked:", "plugin counts: init"] {
        assert!(
            ends.keys().any(|it| it.starts_with(kind)),
            "{kind}: {ends:?}"
        );
    }
}

#[test]
fn streams_that_end_in_every_way_balance() {
    balance(match std::env::var("BALANCED") {
        Ok(streams) => streams.parse().expect("BALANCED is how many streams"),
        Err(_) => 5000,
    });
}
