//! A side that is another program, in `bench/` beside the executable.
use super::side::Side;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Where `make bench` leaves what it builds.
pub(super) fn directory() -> PathBuf {
    let executable = env::current_exe().unwrap_or_default();
    executable.with_file_name("bench")
}

/// A program that is told a count in a line and answers, so many rounds later, with the nanoseconds of CPU time
/// they took.
pub(super) struct Baseline {
    running: Result<Running, String>,
}

struct Running {
    program: PathBuf,
    child: Child,
    counts: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Baseline {
    /// Starts `name`. Where it is missing, `remedy` says how to get it.
    pub(super) fn new(name: &str, remedy: &str) -> Self {
        Self::with_arguments(name, &[], remedy)
    }

    /// The same, with arguments.
    pub(super) fn with_arguments(name: &str, arguments: &[&str], remedy: &str) -> Self {
        let program = directory().join(name);
        let running = Running::start(program.clone(), arguments)
            .map_err(|error| format!("{} does not start ({error}): {remedy}", program.display()));
        Self { running }
    }
}

impl Side for Baseline {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let running = self.running.as_mut().map_err(|reason| reason.clone())?;
        running
            .ask(count)
            .map_err(|error| format!("{} gives no answer: {error}", running.program.display()))
    }
}

impl Running {
    fn start(program: PathBuf, arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            program,
            counts: child.stdin.take().expect("it is a pipe"),
            answers: BufReader::new(child.stdout.take().expect("it is a pipe")),
            child,
        })
    }

    fn ask(&mut self, count: u64) -> io::Result<Duration> {
        writeln!(self.counts, "{count}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let nanos = answer.trim().parse().map_err(io::Error::other)?;
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It would end by itself with its input; it has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
