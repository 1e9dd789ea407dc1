//! A connection to a running daemon.
use crate::exit::Failed;
use serde_json::{Map, Value};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection, on which one request follows the other.
pub(super) struct Client {
    output: UnixStream,
    input: BufReader<UnixStream>,
}

impl Client {
    pub(super) fn connect(socket: &Path) -> Result<Self, Failed> {
        let output = UnixStream::connect(socket).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "this user may not: be root or the daemon's user, or set control.group"
                }
                _ => "is `handclasp serve` running? `--socket` names another one",
            };
            Failed::new(format!(
                "no daemon answers at {} ({error}): {remedy}",
                socket.display()
            ))
        })?;
        let input = output.try_clone().map_err(Failed::new)?;
        Ok(Self {
            output,
            input: BufReader::new(input),
        })
    }

    /// Sends a request, and returns what is answered, in as many lines as there are.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Vec<Map<String, Value>>, Failed> {
        let gone = |error: io::Error| {
            Failed::new(format!("the daemon has closed the connection: {error}"))
        };
        self.output
            .write_all(format!("{request}\n").as_bytes())
            .map_err(gone)?;
        let mut answers = Vec::new();
        loop {
            let answer = self.read().map_err(gone)?;
            if !answer.contains_key("response") {
                continue; // an event of a stream's
            }
            if let Some(error) = answer.get("error").and_then(Value::as_str) {
                return Err(Failed::new(error));
            }
            let more = answer
                .get("more")
                .and_then(Value::as_bool)
                .unwrap_or_default();
            answers.push(answer);
            if !more {
                return Ok(answers);
            }
        }
    }

    /// The next line.
    pub(super) fn read(&mut self) -> io::Result<Map<String, Value>> {
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}
