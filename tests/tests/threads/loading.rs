//! Plugins that are being loaded, and those who wait for them.
use crate::alone;
use crate::streams::{PATIENCE, Streams, options};
use handclasp::plugin::{Loader, Scanner, SearchPath, Services};
use handclasp_tests::{built, cc};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A directory with `none` and `slow-load`, whose `load` waits until the gate is opened.
struct Gate(TempDir);

impl Gate {
    fn new() -> Self {
        let gate = Self(tempfile::tempdir().expect("the system's temporary directory is writable"));
        fs::create_dir(gate.plugins()).expect("the directory was just made");
        let none = built("none").expect("it needs nothing");
        fs::copy(none, gate.plugins().join("none.so")).expect("it was just built");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/slow_load.c");
        let defined = format!("-DGATE=\"{}\"", gate.file("gate").display());
        let library = gate.plugins().join("slow_load.so");
        cc(&source, &library, &["-fvisibility=default", &defined]);
        gate
    }

    fn plugins(&self) -> PathBuf {
        self.file("plugins")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn loader(&self, scanner: Scanner) -> Arc<Loader> {
        let path = SearchPath::from_dirs(vec![self.plugins()]).expect("it is there");
        Arc::new(Loader::new(path, Services::default(), scanner))
    }

    fn await_load(&self) {
        let start = Instant::now();
        while !self.file("gate.begun").exists() {
            assert!(start.elapsed() < PATIENCE, "its load is not called");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn open(&self) {
        fs::write(self.file("gate"), "").expect("the directory is there");
    }
}

/// What comes of `work` on a thread of its own.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (teller, told) = channel();
    thread::spawn(move || teller.send(work()));
    told
}

#[test]
fn a_load_that_takes_its_time_is_waited_for_by_those_who_want_that_plugin_only() {
    let _alone = alone();
    let gate = Gate::new();
    let loader = gate.loader(Scanner::none());
    let load = |id: &'static str| {
        let loader = Arc::clone(&loader);
        apart(move || loader.load(id))
    };
    let slow = [load("slow-load"), load("slow-load")];
    gate.await_load();
    let other = load("none").recv_timeout(PATIENCE);
    other.expect("nothing holds it up").expect("it is sound");
    gate.open();
    let [first, second] = slow.map(|told| {
        let loaded = told.recv_timeout(PATIENCE).expect("the gate is open");
        loaded.expect("it is sound")
    });
    assert!(Arc::ptr_eq(&first, &second), "it is loaded once");
}

#[test]
fn a_load_that_does_not_return_is_given_up_and_there_once_it_has() {
    let _alone = alone();
    let gate = Gate::new();
    let loader = gate.loader(Scanner::none().with_patience(Duration::from_millis(100)));
    let load = || {
        let loader = Arc::clone(&loader);
        let loaded = apart(move || loader.load("slow-load"));
        loaded.recv_timeout(PATIENCE).expect("it does not wait")
    };
    for _ in 0..2 {
        let error = load().expect_err("the gate is shut").to_string();
        assert!(
            error.starts_with("plugin slow-load has not been opened within 0.2 s: "),
            "{error}"
        );
    }
    gate.open();
    let start = Instant::now();
    while let Err(error) = load() {
        assert!(start.elapsed() < PATIENCE, "{error}");
    }
}

/// Mappings of this process that are of a copy of this plugin, and KiB of memory that are this process's alone.
fn mapped(id: &str) -> (usize, u64) {
    let maps = fs::read_to_string("/proc/self/maps").expect("this is Linux");
    let copies = format!("handclasp-{id}");
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("this is Linux");
    let kib = rollup.lines().find_map(|line| {
        let kib = line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?;
        kib.parse().ok()
    });
    let images = maps.lines().filter(|line| line.contains(&copies)).count();
    (images, kib.expect("the kernel counts it"))
}

#[test]
fn hosts_that_come_and_go_share_one_image_of_a_plugin() {
    let _alone = alone();
    const PLUGIN: &str = "dtls-srtp";
    let directory = built(PLUGIN).expect("it needs nothing");
    let directory = directory.parent().expect("it is in a directory");
    let others = threads_of_hosts(); // such as those of calls that never return
    let sessions = |count| {
        for _ in 0..count {
            let streams = Streams::among(1, vec![directory.to_owned()]);
            let stream = streams.open(0, &options(PLUGIN, &[]));
            streams.expect_started();
            drop((stream, streams));
        }
        let start = Instant::now();
        while threads_of_hosts() > others {
            assert!(start.elapsed() < PATIENCE, "their threads are still there");
            thread::sleep(Duration::from_millis(1));
        }
        mapped(PLUGIN)
    };
    let (images, kib) = sessions(30);
    let (images_now, kib_now) = sessions(30);
    assert_eq!(images_now, images);
    // An image is 4 MiB; how much the allocator keeps for threads is its affair.
    assert!(kib_now < kib + 30 * 2048, "{kib} KiB have become {kib_now}");
}

fn threads_of_hosts() -> usize {
    let threads = fs::read_dir("/proc/self/task").expect("this is Linux");
    let names = threads.flatten().map(|thread| thread.path().join("comm"));
    let is_host_s =
        |name: PathBuf| fs::read_to_string(name).is_ok_and(|name| name.starts_with("handclasp-"));
    names.map(is_host_s).filter(|is_it| *is_it).count()
}
