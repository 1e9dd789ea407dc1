//! What a scripted plugin wrote down.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The calls into the scripted plugin of one stream.
#[derive(Debug)]
pub struct Journal {
    directory: TempDir,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The instance's id.
    pub instance: u64,
    /// Its component.
    pub component: u16,
    /// By its name in the contract.
    pub call: String,
    /// What the plugin was told the time is; 0 for `destroy`.
    pub now: Duration,
    /// The datagram, the peer's parameters, or what `init` was told.
    pub about: String,
}

impl Default for Journal {
    fn default() -> Self {
        // A name of its own for ever: worlds seed the generator that random names come from, and an
        // instance may outlive its journal.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("journal-{}-", NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir();
        Self {
            directory: directory.expect("the system's temporary directory is writable"),
        }
    }
}

impl Journal {
    /// The file the plugin writes to.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    /// All calls so far, in order.
    pub fn entries(&self) -> Vec<Entry> {
        read(&self.path())
    }

    /// The calls for one component as text, such as `recv_from_peer hello`.
    pub fn calls(&self, component: u16) -> Vec<String> {
        let entries = self.entries().into_iter();
        entries
            .filter(|entry| entry.component == component)
            .map(|entry| format!("{} {}", entry.call, entry.about).trim().to_owned())
            .collect()
    }

    /// The names of the calls for one component.
    pub fn names(&self, component: u16) -> Vec<String> {
        let entries = self.entries().into_iter();
        entries
            .filter(|entry| entry.component == component)
            .map(|entry| entry.call)
            .collect()
    }

    /// How often a call was made, for all components.
    pub fn count(&self, call: &str) -> usize {
        let entries = self.entries();
        entries.iter().filter(|entry| entry.call == call).count()
    }

    /// Holds the life of every instance against the contract: `init` first and once, `connection_ready` at
    /// most once, `close` only right before the end, and nothing after `destroy`. Returns how many live.
    ///
    /// # Panics
    /// If an instance was called out of turn.
    pub fn check(&self) -> usize {
        let mut lives: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for entry in self.entries() {
            lives.entry(entry.instance).or_default().push(entry.call);
        }
        lives.values().filter(|calls| !is_over(calls)).count()
    }
}

fn is_over(calls: &[String]) -> bool {
    let times = |name: &str| calls.iter().filter(|call| *call == name).count();
    let place = |name: &str| calls.iter().position(|call| call == name);
    assert_eq!((place("init"), times("init")), (Some(0), 1), "{calls:?}");
    for once in ["set_peer", "connection_ready", "close", "destroy"] {
        assert!(times(once) <= 1, "{once} twice: {calls:?}");
    }
    if let Some(set_peer) = place("set_peer") {
        assert_eq!(set_peer, 1, "called before its peer was known: {calls:?}");
    }
    if let Some(close) = place("close") {
        assert!(
            calls[close + 1..].iter().all(|call| call == "destroy"),
            "called after close: {calls:?}"
        );
    }
    if let Some(destroy) = place("destroy") {
        assert_eq!(destroy, calls.len() - 1, "called after destroy: {calls:?}");
    }
    place("destroy").is_some()
}

fn read(path: &Path) -> Vec<Entry> {
    // Before the first call there is no file.
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Entry {
    let mut fields = line.splitn(5, ' ');
    let mut next = || fields.next().expect("scripted.c writes five fields");
    Entry {
        instance: next().parse().expect("an id"),
        component: next().parse().expect("a component"),
        call: next().to_owned(),
        now: Duration::from_nanos(next().parse().expect("nanoseconds")),
        about: next().to_owned(),
    }
}
