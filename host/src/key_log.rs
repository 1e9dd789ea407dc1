//! A key log: who reads it can read the sessions it is about.
use crate::counted;
use crate::files::{self, Use};
use crate::spool::Spool;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of secrets in the NSS key log format (`SSLKEYLOGFILE`), a line for each, written by a thread of its own.
#[derive(Debug)]
pub struct KeyLog(Spool);

/// Why there is no key log.
#[derive(Debug, thiserror::Error)]
#[error("the key log {} cannot be opened ({error}): name a file that you may write to", path.display())]
pub struct KeyLogError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// Most bytes of lines that wait: those of two hundred handshakes.
const CAPACITY: usize = 256 * 1024;

impl KeyLog {
    /// Opens a file to append to. A new one is its owner's alone (mode 0600); one that is there must be a regular file
    /// that belongs to root or this user and is closed to others.
    ///
    /// # Errors
    /// It can be neither made nor appended to, or should not be, or the system gives no thread.
    pub fn open(path: &Path) -> Result<Self, KeyLogError> {
        let path = path.to_owned();
        let opened = files::open(&path, Use::Append).and_then(|file| {
            let mut writer = Writer {
                path: path.clone(),
                file,
            };
            Spool::start("handclasp-keys", CAPACITY, move |lines, dropped| {
                writer.write(lines, dropped)
            })
        });
        opened
            .map(Self)
            .map_err(|error| KeyLogError { path, error })
    }

    /// Appends a line, some time. Where lines come faster than they are written they are dropped, and the log says how
    /// many.
    pub(crate) fn append(&self, line: &str) {
        self.0.push(&[line.as_bytes()]);
    }

    /// Waits until all is written, but no longer than this.
    pub(crate) fn finish(&self, patience: Duration) {
        self.0.finish(patience);
    }
}

struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    /// The first failure is said in the log, and ends this one, for the rest of a line would spoil the next; sessions
    /// go on.
    fn write(&mut self, lines: &[u8], dropped: u64) -> ControlFlow<()> {
        let path = self.path.display();
        // In one piece: other processes may append to the same file.
        if let Err(error) = self.file.write_all(lines) {
            tracing::error!(
                "the key log {path} cannot be written ({error}): it gets no more lines, make room and start again"
            );
            return ControlFlow::Break(());
        }
        if dropped > 0 {
            tracing::warn!(
                "the key log {path} lacks {}: it is written too slowly",
                counted(dropped, "line")
            );
        }
        ControlFlow::Continue(())
    }
}
