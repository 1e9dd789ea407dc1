//! A check in a process of its own, and what its end means.
use super::checks::lent_memory::LENT_MEMORY;
use super::definition::Check;
use super::ladder::{self, Seen};
use super::notes;
use super::outcome::{Checked, Objection};
use super::probe::LENT;
use super::sanitizer::Sanitizer;
use super::{Subject, limits};
use handclasp::files::Directory;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Starts this program again for each check.
pub(super) struct Children<'a> {
    pub(super) subject: &'a Subject,
    pub(super) program: PathBuf,
    /// Everything the children write is below it.
    pub(super) directory: &'a Path,
    pub(super) sanitizer: Option<Sanitizer>,
    /// How long a call into the plugin may take.
    pub(super) patience: Duration,
}

/// How often a child is looked at.
const GLANCE: Duration = Duration::from_millis(5);
/// A check may take this many times as long as a call.
const CALLS: u32 = 30;

/// How a child came to its end.
struct End {
    status: ExitStatus,
    /// The time that was up for a call: it did not end by itself.
    killed: Option<Duration>,
    /// It had used up the memory it may have, and had so many threads.
    exhausted: Option<u32>,
}

impl Children<'_> {
    /// What came of it, and the run in which it found something.
    pub(super) fn run(&self, check: &Check) -> (Checked, Option<Seen>) {
        let directory = self.directory.join(check.name);
        let end = Directory::private(&directory)
            .and_then(|_| self.start(check, &directory))
            .and_then(|child| self.wait(child, &directory));
        let outcome = match end {
            Ok(Some(end)) => self.judge(&directory, &end),
            // Each call did return, which is all that the contract asks for.
            Ok(None) => Err(Objection::skip(format!(
                "it was not done within {} s: its calls, or this machine, are too slow",
                self.in_all().as_secs()
            ))),
            Err(error) => Err(Objection::skip(format!(
                "its process could not be run ({error})"
            ))),
        };
        let fault = outcome.as_ref().err().and_then(Objection::fault);
        let seen = fault.and_then(|fault| ladder::read(&directory, fault.run));
        (outcome, seen)
    }

    fn start(&self, check: &Check, directory: &Path) -> io::Result<Child> {
        let output = File::create(directory.join("output"))?;
        let mut command = match &self.sanitizer {
            Some(sanitizer) => sanitizer.command(&self.program, directory),
            None => Command::new(&self.program),
        };
        command.arg("run-check").arg("--notes").arg(directory);
        // Not on the command line, where other users could read a secret: the directory is this user's alone.
        let options = directory.join("options");
        fs::write(&options, serde_json::to_vec(&self.subject.options)?)?;
        command.arg("--options").arg(options);
        command.arg("--seed").arg(self.subject.seed.to_string());
        command
            .args(self.sanitizer.iter().map(|_| "--sanitized"))
            .arg(check.name)
            .arg(&self.subject.file)
            // Private copies of a child that is killed go with the rest.
            .env("TMPDIR", directory)
            // Each arena of glibc's takes address space, which is limited.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
    }

    /// How long a call may take.
    fn per_call(&self) -> Duration {
        let factor = if self.sanitizer.is_some() { 20 } else { 1 };
        self.patience * factor
    }

    /// How long a check may take.
    fn in_all(&self) -> Duration {
        self.per_call() * CALLS
    }

    /// Nothing if its time was up, and no call's.
    fn wait(&self, mut child: Child, directory: &Path) -> io::Result<Option<End>> {
        let (per_call, started) = (self.per_call(), Instant::now());
        let (mut call, mut since, mut exhausted) = (0, started, None);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(End {
                    status,
                    killed: None,
                    exhausted,
                }));
            }
            if self.sanitizer.is_none() && exhausted.is_none() {
                exhausted = exhausted_with(child.id());
                if exhausted.is_some() {
                    child.kill()?;
                }
            }
            let (number, what) = notes::call(directory);
            if number != call || what.is_empty() {
                (call, since) = (number, Instant::now());
            }
            if since.elapsed() > per_call {
                child.kill()?;
                return Ok(Some(End {
                    status: child.wait()?,
                    killed: Some(per_call),
                    exhausted,
                }));
            }
            if started.elapsed() > self.in_all() {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            thread::sleep(GLANCE);
        }
    }

    fn judge(&self, directory: &Path, end: &End) -> Checked {
        let verdict = notes::verdict(directory);
        if let Some(sanitizer) = &self.sanitizer
            && matches!(verdict, Some(Ok(()) | Err(Objection::Warning(_))))
            && let Some(error) = sanitizer.error(directory)
        {
            return Err(crash(error, NAMED));
        }
        match verdict {
            Some(Ok(()) | Err(Objection::Warning(_))) if !end.status.success() => {
                Err(match summary(directory) {
                    Some(summary) => crash(summary, NAMED),
                    None => crash(
                        format!("it crashed when the process ended ({})", end.status),
                        "let no destructor or thread of the library touch what is gone by then",
                    ),
                })
            }
            Some(verdict) => verdict,
            None => Err(self.died(directory, end)),
        }
    }

    /// What a child died of that left no verdict.
    fn died(&self, directory: &Path, end: &End) -> Objection {
        let call = match notes::call(directory).1 {
            call if call.is_empty() => "between two calls".to_owned(),
            call => format!("in {call}"),
        };
        let (status, limit) = (end.status, limits::MEMORY >> 20);
        let misuse = fs::read_to_string(directory.join(LENT)).unwrap_or_default();
        let (how, remedy) = match (end.killed, end.exhausted) {
            (Some(limit), _) => {
                let seconds = limit.as_secs();
                (format!("it did not return within {seconds} s {call}"), MEND)
            }
            (None, Some(threads)) if threads >= MANY => {
                let what = format!(
                    "{threads} threads of its live on after destroy, and use up the memory, {call}"
                );
                (what, LEFTOVERS)
            }
            (None, Some(_)) => {
                let what =
                    format!("it used up the {limit} MiB a check may have, {call} ({status})");
                (what, MEND)
            }
            (None, None) if !misuse.is_empty() => {
                (format!("{misuse}, {call} ({status})"), LENT_MEMORY.remedy)
            }
            (None, None) if status.code().is_some() => {
                (format!("it ended the process {call} ({status})"), MEND)
            }
            (None, None) if has_thrown(directory) => {
                (format!("it let an exception out, {call}"), CATCH)
            }
            (None, None) => (format!("it crashed {call} ({status})"), MEND),
        };
        let error = self.sanitizer.as_ref().and_then(|it| it.error(directory));
        let words = error.or_else(|| summary(directory));
        crash(
            match words.or_else(|| last_words(directory)) {
                None => how,
                Some(words) => format!("{how}; its last words: {words:?}"),
            },
            remedy,
        )
    }
}

const MEND: &str = "mend what happens there; built with -g, --sanitize and --only tell more";
const CATCH: &str =
    "catch all exceptions in every function that the host calls, and return HC_ERROR_PANIC";
const LEFTOVERS: &str = "let destroy return once the threads of the instance have ended";
/// Threads that no plugin needs for the instances of a check.
const MANY: u32 = 150;

/// The remedy for what a sanitizer has found.
const NAMED: &str = "mend what it names; build with -g to be told the line";

fn crash(what: String, remedy: &str) -> Objection {
    Objection::finding(what).remedied(remedy)
}

/// What AddressSanitizer or its kin found in a child.
fn summary(directory: &Path) -> Option<String> {
    let output = fs::read(directory.join("output")).ok()?;
    let text = String::from_utf8_lossy(&output);
    let found = text
        .lines()
        .find_map(|line| match line.strip_prefix("SUMMARY: ") {
            Some(summary) => Some(summary),
            None => line.contains(": runtime error: ").then_some(line),
        });
    found.map(str::to_owned)
}

/// Whether this command has said so in a child, before it ended it.
fn has_thrown(directory: &Path) -> bool {
    last_words(directory).is_some_and(|words| words.contains(" threw an exception, "))
}

/// The last line a child has printed.
fn last_words(directory: &Path) -> Option<String> {
    const SHOWN: usize = 200;
    let output = fs::read(directory.join("output")).ok()?;
    let end = &output[output.len().saturating_sub(4096)..];
    let text = String::from_utf8_lossy(end);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(SHOWN).collect())
}

/// How many threads a process has, if it has used up the memory it may have, or nearly all the address space, as Linux
/// counts them.
fn exhausted_with(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let number = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let is_above = |name, limit| number(name).is_some_and(|kilobytes| kilobytes * 1024 > limit);
    let is_exhausted =
        is_above("VmHWM:", limits::MEMORY) || is_above("VmPeak:", limits::SPACE / 10 * 9);
    is_exhausted.then(|| {
        number("Threads:")
            .and_then(|threads| threads.try_into().ok())
            .unwrap_or(1)
    })
}
