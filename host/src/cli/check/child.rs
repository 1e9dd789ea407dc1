//! A check in a process of its own, and what its end means.
use super::notes;
use super::outcome::{Checked, Objection};
use super::sanitizer::Sanitizer;
use super::table::Check;
use super::{Subject, limits};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Starts this program again for each check.
#[derive(Debug)]
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
    /// The time that was up: it did not end by itself.
    killed: Option<Duration>,
    /// It had used up the memory it may have.
    exhausted: bool,
}

impl Children<'_> {
    pub(super) fn run(&self, check: &Check) -> Checked {
        let directory = self.directory.join(check.name);
        let end = fs::create_dir(&directory)
            .and_then(|()| self.start(check, &directory))
            .and_then(|child| self.wait(child, &directory));
        match end {
            Ok(end) => self.judge(&directory, &end),
            Err(error) => Err(Objection::skip(format!(
                "its process could not be run ({error})"
            ))),
        }
    }

    fn start(&self, check: &Check, directory: &Path) -> io::Result<Child> {
        let output = File::create(directory.join("output"))?;
        let mut command = match &self.sanitizer {
            Some(sanitizer) => sanitizer.command(&self.program, directory),
            None => Command::new(&self.program),
        };
        command.arg("run-check").arg("--notes").arg(directory);
        for (key, value) in &self.subject.options {
            command.arg("--option").arg(format!("{key}={value}"));
        }
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

    fn wait(&self, mut child: Child, directory: &Path) -> io::Result<End> {
        let (factor, started) = (
            if self.sanitizer.is_some() { 20 } else { 1 },
            Instant::now(),
        );
        let (per_call, in_all) = (self.patience * factor, self.patience * factor * CALLS);
        let (mut call, mut since, mut exhausted) = (0, started, false);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(End {
                    status,
                    killed: None,
                    exhausted,
                });
            }
            if self.sanitizer.is_none() && is_exhausted(child.id()) {
                child.kill()?;
                exhausted = true;
            }
            let (number, what) = notes::call(directory);
            if number != call || what.is_empty() {
                (call, since) = (number, Instant::now());
            }
            if since.elapsed() > per_call || started.elapsed() > in_all {
                child.kill()?;
                let killed = Some(if since.elapsed() > per_call {
                    per_call
                } else {
                    in_all
                });
                return Ok(End {
                    status: child.wait()?,
                    killed,
                    exhausted,
                });
            }
            thread::sleep(GLANCE);
        }
    }

    fn judge(&self, directory: &Path, end: &End) -> Checked {
        let verdict = notes::verdict(directory);
        if let Some(sanitizer) = &self.sanitizer
            && verdict == Some(Ok(()))
            && let Some(error) = sanitizer.error(directory)
        {
            return Err(crash(error, NAMED));
        }
        match verdict {
            Some(Ok(())) if !end.status.success() => Err(match summary(directory) {
                Some(summary) => crash(summary, NAMED),
                None => crash(
                    format!("it crashed when the process ended ({})", end.status),
                    "let no destructor or thread of the library touch what is gone by then",
                ),
            }),
            Some(verdict) => verdict,
            None => Err(crash(
                self.died(directory, end),
                "mend what happens there; built with -g, --sanitize and --only tell more",
            )),
        }
    }

    /// A sentence for a child that left no verdict.
    fn died(&self, directory: &Path, end: &End) -> String {
        let call = match notes::call(directory).1 {
            call if call.is_empty() => "between two calls".to_owned(),
            call => format!("in {call}"),
        };
        let how = match end {
            End {
                killed: Some(limit),
                ..
            } => {
                format!("it did not return within {} s {call}", limit.as_secs())
            }
            End {
                exhausted: true,
                status,
                ..
            } => {
                let limit = limits::MEMORY >> 20;
                format!("it used up the {limit} MiB a check may have, {call} ({status})")
            }
            End { status, .. } if status.code().is_some() => {
                format!("it ended the process {call} ({status})")
            }
            End { status, .. } => format!("it crashed {call} ({status})"),
        };
        match summary(directory).or_else(|| last_words(directory)) {
            None => how,
            Some(words) => format!("{how}; its last words: {words:?}"),
        }
    }
}

/// The remedy for what a sanitizer has found.
const NAMED: &str = "mend what it names; build with -g to be told the line";

fn crash(what: String, remedy: &str) -> Objection {
    let remedy = Some(remedy.to_owned());
    Objection::Finding { what, remedy }
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

/// The last line a child has printed.
fn last_words(directory: &Path) -> Option<String> {
    const SHOWN: usize = 200;
    let output = fs::read(directory.join("output")).ok()?;
    let end = &output[output.len().saturating_sub(4096)..];
    let text = String::from_utf8_lossy(end);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(SHOWN).collect())
}

/// Whether a process has used up the memory it may have, or nearly all the address space, as Linux counts them.
fn is_exhausted(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let bytes = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    };
    bytes("VmHWM:").is_some_and(|used| used > limits::MEMORY)
        || bytes("VmPeak:").is_some_and(|space| space > limits::SPACE / 10 * 9)
}
