//! What a daemon does that takes over.
use super::descriptors::receive;
use super::estate::{Estate, FORMAT, Offer};
use handclasp::control::MAX_LINE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a daemon does not take over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody is there.
    #[error(
        "no daemon can be asked at {} ({error}): start without --takeover, or name its control socket with --takeover=PATH",
        path.display()
    )]
    Nobody {
        /// The control socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It does not want to.
    #[error("the daemon at {} does not let itself be taken over: {reason}", path.display())]
    Refused {
        /// The control socket.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// It says something else.
    #[error(
        "the daemon at {} cannot be understood ({error}): does it turn, and is it of a version that can be taken over?",
        path.display()
    )]
    Answer {
        /// The control socket.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// It offers what this one cannot read.
    #[error(
        "the daemon at {} is version {version}, which this one cannot take over from: drain it, and start this one then",
        path.display()
    )]
    Version {
        /// The control socket.
        path: PathBuf,
        /// The other daemon's.
        version: String,
    },
}

/// How long the running daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where it may have to end something else first, such as reading its configuration again.
const LONGER: Duration = Duration::from_secs(60);

/// A takeover that has begun. The running daemon goes on when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    line: Line,
    /// The running daemon's.
    pub(crate) process: u32,
}

/// The connection to the running daemon.
#[derive(Debug)]
struct Line {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

/// Asks the daemon at a control socket for all it has.
///
/// # Errors
/// There is none, or it refuses, and goes on in any case.
pub(crate) fn ask(path: &Path) -> Result<(Estate, Claim), AskError> {
    let connected = UnixStream::connect(path).and_then(|stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    });
    let stream = connected.map_err(|error| AskError::Nobody {
        path: path.to_owned(),
        error,
    })?;
    let mut line = Line {
        stream: BufReader::new(stream),
        path: path.to_owned(),
    };
    let offer: Value = line.ask("offer")?;
    let format: Format = line.read(&offer)?;
    if format.format != FORMAT {
        return Err(AskError::Version {
            path: line.path,
            version: format.version,
        });
    }
    let offer: Offer = line.read(&offer)?;
    let lacks = || line.not_understood(ErrorKind::InvalidData.into());
    let count = offer.count().ok_or_else(lacks)?;
    line.send("descriptors")?;
    let descriptors = receive(line.stream.get_ref(), count);
    let descriptors = descriptors.map_err(|error| line.not_understood(error))?;
    let estate = offer.estate(descriptors);
    let lacks = || line.not_understood(ErrorKind::InvalidData.into());
    let estate = estate.ok_or_else(lacks)?;
    let process = offer.process;
    Ok((estate, Claim { line, process }))
}

/// What all versions tell.
#[derive(Deserialize)]
struct Format {
    format: u32,
    version: String,
}

impl Claim {
    /// The running daemon takes no connections any more. Returns its own control socket, if it has one.
    ///
    /// # Errors
    /// It has given up, and has all that it had.
    pub(crate) fn commit(&mut self) -> Result<Option<PathBuf>, AskError> {
        #[derive(Default, Deserialize)]
        struct Committed {
            socket: Option<PathBuf>,
        }
        let _ = self.line.stream.get_ref().set_read_timeout(Some(LONGER)); // or as before
        match self.line.ask("commit") {
            Ok(Committed { socket }) => Ok(socket),
            // It has ended in between: all is here.
            Err(AskError::Answer { error, .. }) if error.kind() == ErrorKind::UnexpectedEof => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// This daemon is in its place: the running one will not have it again.
    ///
    /// # Errors
    /// That has taken it back, for it was waited for too long.
    pub(crate) fn ready(mut self) -> Result<(), AskError> {
        match self.line.ask::<Value>("ready") {
            // If it has ended in between, nothing is missing.
            Ok(_) | Err(AskError::Answer { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Line {
    fn send(&mut self, step: &str) -> Result<(), AskError> {
        let request = format!("{{\"request\":\"takeover\",\"step\":\"{step}\"}}\n");
        let sent = self.stream.get_ref().write_all(request.as_bytes());
        sent.map_err(|error| self.not_understood(error))
    }

    fn ask<T: DeserializeOwned>(&mut self, step: &str) -> Result<T, AskError> {
        #[derive(Deserialize)]
        struct Failed {
            error: String,
        }
        self.send(step)?;
        let mut answer = Vec::new();
        let mut limited = self.stream.by_ref().take(MAX_LINE as u64);
        let read = limited.read_until(b'\n', &mut answer);
        if read.map_err(|error| self.not_understood(error))? == 0 {
            return Err(self.not_understood(ErrorKind::UnexpectedEof.into()));
        }
        if let Ok(Failed { error }) = serde_json::from_slice(&answer) {
            return Err(AskError::Refused {
                path: self.path.clone(),
                reason: error,
            });
        }
        serde_json::from_slice(&answer).map_err(|error| self.not_understood(error.into()))
    }

    fn read<T: DeserializeOwned>(&self, answer: &Value) -> Result<T, AskError> {
        T::deserialize(answer).map_err(|error| self.not_understood(error.into()))
    }

    fn not_understood(&self, error: io::Error) -> AskError {
        AskError::Answer {
            path: self.path.clone(),
            error,
        }
    }
}
