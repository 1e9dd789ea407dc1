use super::handshake;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;
use rustix::process::{Pid, Signal, kill_process, set_child_subreaper};
use std::fs;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const LEFTOVERS: Check = Check {
    name: "leftovers",
    sentence: "With destroy go the descriptors, threads and processes of an instance",
    remedy: "close, join and wait for in destroy what the instance opened and started; what all instances share end in \
             unload",
    needs: Some("call-times"),
    run: Run::Calling(check),
};

/// The first round makes what is made once; in all others something must be left for a finding.
const ROUNDS: usize = 4;
const HANDSHAKES: usize = 5;
/// How long a thread that has ended may take to vanish.
const GRACE: Duration = Duration::from_secs(2);

/// What there is of each kind, by its name.
#[derive(Default)]
struct Present {
    descriptors: Vec<String>,
    threads: Vec<String>,
    children: Vec<String>,
}

fn check(probe: &Probe) -> Checked {
    // Those that a child leaves behind are counted, too.
    let _ = set_child_subreaper(Some(rustix::process::getpid()));
    let checked = rounds(probe);
    for child in children() {
        // It is this process's own, which nothing else is to wait for.
        let _ = kill_process(child.0, Signal::KILL);
    }
    checked
}

fn rounds(probe: &Probe) -> Checked {
    let mut grown = [const { Vec::new() }; 3];
    let mut examples = [const { String::new() }; 3];
    let mut before = Present::default();
    for round in 0..ROUNDS {
        for _ in 0..HANDSHAKES {
            drop(handshake(probe)?);
        }
        let now = settled(&before, round > 0);
        if round > 0 {
            for (kind, new) in now.since(&before).into_iter().enumerate() {
                grown[kind].push(new.len());
                examples[kind] = new.into_iter().next().unwrap_or_default();
            }
        }
        before = now;
    }
    let kinds = ["descriptors", "threads", "processes"].into_iter();
    let found: Vec<_> = kinds
        .zip(&grown)
        .zip(&examples)
        .filter(|((_, grown), _)| grown.iter().all(|&new| new > 0))
        .map(|((kind, grown), example)| {
            let (all, handshakes) = (grown.iter().sum::<usize>(), grown.len() * HANDSHAKES);
            format!("{handshakes} handshakes leave {all} {kind} behind, such as {example}")
        })
        .collect();
    match (found.is_empty(), before.children.last()) {
        (false, _) => Err(Objection::finding(found.join("; "))),
        (true, Some(child)) => Err(Objection::warning(format!(
            "a process that it started is left after destroy: {child}"
        ))),
        (true, None) => Ok(()),
    }
}

/// What there is once nothing more goes.
fn settled(before: &Present, compares: bool) -> Present {
    let started = Instant::now();
    loop {
        let now = Present::note();
        let is_more = now.since(before).iter().any(|new| !new.is_empty());
        if !is_more || !compares || started.elapsed() > GRACE {
            return now;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Present {
    fn note() -> Self {
        let link = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).ok()?;
            Some((number(&entry)?, target.display().to_string()))
        };
        // One of them reads the folder.
        let descriptors = entries("/proc/self/fd").filter_map(link);
        let threads = entries("/proc/self/task").filter_map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            Some((number(&entry)?, format!("one named {:?}", name.trim())))
        });
        Self {
            descriptors: in_order(descriptors),
            threads: in_order(threads),
            children: children().into_iter().map(|(_, name)| name).collect(),
        }
    }

    /// What is new of each kind, as many as there are more.
    fn since(&self, before: &Self) -> [Vec<String>; 3] {
        let new = |now: &[String], before: &[String]| {
            let mut known = before.to_vec();
            let mut new = now.to_vec();
            new.retain(|name| match known.iter().position(|known| known == name) {
                Some(place) => {
                    known.swap_remove(place);
                    false
                }
                None => true,
            });
            new.truncate(now.len().saturating_sub(before.len()));
            new
        };
        [
            new(&self.descriptors, &before.descriptors),
            new(&self.threads, &before.threads),
            new(&self.children, &before.children),
        ]
    }
}

fn children() -> Vec<(Pid, String)> {
    let own = process::id();
    let child = |entry: fs::DirEntry| {
        // The name stands in parentheses, and may hold any character; its state and its parent follow.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (start, rest) = stat.rsplit_once(") ")?;
        let (_, name) = start.split_once('(')?;
        let mut rest = rest.split(' ');
        let is_dead = rest.next()? == "Z";
        let parent: u32 = rest.next()?.parse().ok()?;
        let state = if is_dead {
            ", which nobody has waited for"
        } else {
            ""
        };
        let pid = Pid::from_raw(number(&entry)?)?;
        (parent == own).then(|| (pid, format!("{name:?}{state}")))
    };
    entries("/proc").filter_map(child).collect()
}

fn entries(folder: &str) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn number(entry: &fs::DirEntry) -> Option<i32> {
    entry.file_name().to_str()?.parse().ok()
}

/// The newest last.
fn in_order(entries: impl Iterator<Item = (i32, String)>) -> Vec<String> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable();
    entries.into_iter().map(|(_, name)| name).collect()
}
