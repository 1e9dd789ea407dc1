use crate::{plugins, program};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
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
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("events are UTF-8");
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("no event, {error}: {line}"));
                // A test that is over hears nothing.
                let _ = heard.send(Heard::Event(id, event));
            }
            let _ = heard.send(Heard::End(id));
        });
        let stdin = child.stdin.take();
        Self { child, stdin }
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
    /// The system does not say.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it was started here")
    }
}

impl Drop for LineProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
