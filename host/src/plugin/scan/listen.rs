//! The parent's side: starts the child, and takes what comes of it.
use super::child::{CHECKING, LOADING, OPENING};
use super::report::{Answer, MAX_ANSWER, Report};
use super::{Command, ScanError};
use crate::plugin::collector::one_line;
use crate::plugin::copy::PrivateCopy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Child, ExitStatus};
use std::time::{Duration, Instant};

/// How often is looked whether the child has ended, though something else holds its pipe open.
const GLANCE: Duration = Duration::from_millis(50);
/// Bytes of what it says on standard error that are kept.
const MAX_WORDS: usize = 16 << 10;
/// Characters of its last words that are shown.
const SHOWN: usize = 200;
/// Most bytes of a sentence.
const MAX_SENTENCE: usize = 16 << 10;

/// What came of a child.
struct End {
    answer: Vec<u8>,
    words: Vec<u8>,
    /// How it ended by itself.
    status: Option<ExitStatus>,
}

/// Opens the library in a child.
pub(super) fn scan(
    command: &Command,
    copy: &PrivateCopy,
    patience: Duration,
) -> Result<Report, ScanError> {
    let end = run(command, copy, patience).map_err(|error| ScanError::Scanner {
        program: command.program.display().to_string(),
        error,
    })?;
    let start = end.answer.iter().position(|&byte| byte == b'{');
    let (steps, answer) = end.answer.split_at(start.unwrap_or(end.answer.len()));
    match answer.strip_suffix(b"\n") {
        Some(answer) => read(answer),
        None => Err(end.verdict(steps, patience)),
    }
}

fn read(answer: &[u8]) -> Result<Report, ScanError> {
    match serde_json::from_slice(answer) {
        Ok(Answer::Opened(report)) if report.is_possible() => Ok(*report),
        Ok(Answer::Opened(_)) => Err(ScanError::Nonsense("its report is none of a descriptor")),
        Ok(Answer::Refused(sentence)) if sentence.len() <= MAX_SENTENCE => {
            Err(ScanError::Refused(one_line(&sentence)))
        }
        Ok(Answer::NotMapped(sentence)) if sentence.len() <= MAX_SENTENCE => {
            Err(ScanError::NotMapped(one_line(&sentence)))
        }
        _ => Err(ScanError::Nonsense("it is no report")),
    }
}

impl End {
    fn verdict(&self, steps: &[u8], patience: Duration) -> ScanError {
        let during = match steps.last() {
            None => "before it is opened",
            Some(&OPENING) => "while it is opened",
            Some(&CHECKING) => "while its tables are checked",
            Some(&LOADING) => "in its load",
            Some(_) => return ScanError::Nonsense("it is no report"),
        };
        let said = match last_words(&self.words) {
            Some(words) => format!("; it says: {words:?}"),
            None => String::new(),
        };
        match self.status {
            _ if self.answer.len() >= MAX_ANSWER => ScanError::Nonsense("it does not end"),
            None => ScanError::Hangs {
                during,
                seconds: patience.as_secs_f64(),
            },
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ScanError::Ends { during, code, said },
                (None, signal) => ScanError::Crashes {
                    during,
                    signal: signal.map_or_else(|| status.to_string(), name),
                    said,
                },
            },
        }
    }
}

fn name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), str::to_owned)
}

fn last_words(words: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(words);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(one_line(line).chars().take(SHOWN).collect())
}

fn run(command: &Command, copy: &PrivateCopy, patience: Duration) -> io::Result<End> {
    let (answer, its_answer) = io::pipe()?;
    let (words, its_words) = io::pipe()?;
    let child = process::Command::new(&command.program)
        .args(&command.arguments)
        .arg(copy.plugin().path.file_name().unwrap_or_default())
        .args(copy.is_on_disk().then(|| copy.path()))
        .stdin(copy.open()?)
        .stdout(its_answer)
        .stderr(its_words)
        // What it starts goes with it.
        .process_group(0)
        .spawn()?;
    let mut child = Ended(child);
    let mut end = End {
        answer: Vec::new(),
        words: Vec::new(),
        status: None,
    };
    let give_up = Instant::now() + patience;
    let (mut answer, mut words) = (Some(answer), Some(words));
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        wait(&answer, &words, left.min(GLANCE))?;
        // Asked first: what it wrote before its end is read below.
        end.status = child.0.try_wait()?;
        take(&mut answer, &mut end.answer, MAX_ANSWER)?;
        take(&mut words, &mut end.words, MAX_WORDS)?;
        let is_whole = end.answer.ends_with(b"\n") || end.answer.len() >= MAX_ANSWER;
        if is_whole || end.status.is_some() || left.is_zero() {
            return Ok(end);
        }
    }
}

/// Until one of them can be read, for this long at most.
fn wait(
    answer: &Option<PipeReader>,
    words: &Option<PipeReader>,
    patience: Duration,
) -> io::Result<()> {
    let mut open: Vec<_> = (answer.iter().chain(words))
        .map(|pipe| PollFd::new(pipe, PollFlags::IN))
        .collect();
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut open, Some(&patience)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads what is there; keeps at most so much of it.
fn take(pipe: &mut Option<PipeReader>, kept: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    while let Some(open) = pipe {
        let mut ready = [PollFd::new(&*open, PollFlags::IN)];
        if poll(&mut ready, Some(&Timespec::default()))? == 0 {
            break;
        }
        match open.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(read) => {
                let room = most.saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..read.min(room)]);
                if room == 0 {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends with its group when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Before it is waited for: until then its number is no one else's.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
