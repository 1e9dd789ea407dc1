use crate::{await_that, plugins, program};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// `handclasp stream` with the project's plugins.
pub fn handclasp_stream() -> Command {
    let mut command = Command::new(program());
    command.arg("stream").arg("--plugin-dir").arg(plugins());
    command
}

/// What a process says, and the end of it.
#[derive(Debug)]
pub enum Heard<Id> {
    /// A line of standard output.
    Event(Id, Value),
    /// Standard output is closed.
    End(Id),
}

/// A process that takes and writes JSON lines. Killed when dropped.
#[derive(Debug)]
pub struct LineProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    reading: Arc<Reading>,
}

/// Whether what it says is read.
#[derive(Debug, Default)]
struct Reading {
    held: Mutex<bool>,
    released: Condvar,
}

impl Reading {
    fn set(&self, hold: bool) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = hold;
        self.released.notify_one();
    }

    fn wait(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.released.wait_while(held, |held| *held);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl LineProcess {
    /// Starts it; what it says goes to `heard` under `id`.
    ///
    /// # Panics
    /// The command cannot be run.
    pub fn start<Id: Copy + Send + 'static>(
        mut command: Command,
        id: Id,
        heard: Sender<Heard<Id>>,
    ) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("it is piped");
        let reading: Arc<Reading> = Arc::default();
        let read = Arc::clone(&reading);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                read.wait();
                let line = line.expect("events are UTF-8");
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("no event, {error}: {line}"));
                // A test that is over hears nothing.
                let _ = heard.send(Heard::Event(id, event));
            }
            let _ = heard.send(Heard::End(id));
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            reading,
        }
    }

    /// From now on nothing is read of what it says, but for a line and what a buffer holds.
    pub fn hold(&self) {
        self.reading.set(true);
    }

    /// What it says is read again.
    pub fn release(&self) {
        self.reading.set(false);
    }

    /// Its input, for a thread that writes while others do other things. Nothing else writes then.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Writes a line, whatever stands in it.
    ///
    /// # Errors
    /// The process does not read any more, or its input was closed.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(line)?;
        stdin.write_all(b"\n")
    }

    /// The system's id of it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends its input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// How it ended. Call it after [`Heard::End`].
    ///
    /// # Panics
    /// The system does not say, or it has not ended within two minutes.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        await_that("the process ends", || {
            status = self.child.try_wait().expect("it was started here");
            status.is_some()
        });
        status.expect("it was waited for")
    }
}

impl Drop for LineProcess {
    fn drop(&mut self) {
        self.release();
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
