//! A trace being written. Whoever has something to record never waits for the disk.
use super::queue::{Entry, Item, Queue, micros};
use super::{Header, Recorder, What};
use crate::files::{self, Use};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A trace being written. Dropping it completes the file: what recorders note afterwards does not stand in it,
/// so let it outlive the streams.
#[derive(Debug)]
pub struct TraceFile {
    queue: Arc<Queue>,
    path: PathBuf,
    writing: Writing,
}

#[derive(Debug)]
enum Writing {
    /// Not begun: what is in the file is still there.
    Prepared(File, Receiver<Item>),
    Begun(JoinHandle<()>),
    Ended,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
#[error("the trace {} cannot be written ({error}): name a file that you may write to", path.display())]
pub struct TraceError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// How long the end of a trace waits for a disk that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks whether it is done.
const GLANCE: Duration = Duration::from_millis(1);
/// How long records gather before they are written: waking a thread costs more than a record.
const GATHER: Duration = Duration::from_millis(2);
/// Bytes that are written at once.
const BUFFER: usize = 64 << 10;

impl TraceFile {
    /// Makes the file, its owner's alone (mode 0600), or empties one that is there, whose mode stays: it must be a
    /// regular file that belongs to root or this user and is closed to others.
    ///
    /// # Errors
    /// It cannot be written to, or should not be, or the system gives no thread.
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let mut prepared = Self::prepare(path)?;
        prepared.begin()?;
        Ok(prepared)
    }

    /// The same, but a file that is there stays as it is until [`begin`](Self::begin): for those whose streams may
    /// yet be refused. What recorders note meanwhile waits.
    ///
    /// # Errors
    /// It cannot be written to, or should not be.
    pub fn prepare(path: &Path) -> Result<Self, TraceError> {
        let file = files::open(path, Use::Replace).map_err(|error| TraceError {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self::prepared(file, path))
    }

    pub(super) fn prepared(file: File, path: &Path) -> Self {
        let (queue, records) = Queue::new();
        Self {
            queue: Arc::new(queue),
            path: path.to_owned(),
            writing: Writing::Prepared(file, records),
        }
    }

    /// Empties the file and begins to write; does nothing if it has begun.
    ///
    /// # Errors
    /// The file cannot be emptied, or the system gives no thread.
    pub fn begin(&mut self) -> Result<(), TraceError> {
        let (file, records) = match std::mem::replace(&mut self.writing, Writing::Ended) {
            Writing::Prepared(file, records) => (file, records),
            begun => {
                self.writing = begun;
                return Ok(());
            }
        };
        let thread = files::empty(&file).and_then(|()| {
            let writer = Writer {
                queue: Arc::clone(&self.queue),
                records,
                path: self.path.clone(),
                file: BufWriter::with_capacity(BUFFER, file),
            };
            let header = header();
            let thread = thread::Builder::new().name("handclasp-trace".to_owned());
            thread.spawn(move || writer.run(&header))
        });
        self.writing = Writing::Begun(thread.map_err(|error| TraceError {
            path: self.path.clone(),
            error,
        })?);
        Ok(())
    }

    /// A recorder for the stream of this name.
    pub fn recorder(&self, stream: &str) -> Recorder {
        Recorder::new(Arc::clone(&self.queue), stream)
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        self.queue.end();
        let Writing::Begun(thread) = std::mem::replace(&mut self.writing, Writing::Ended) else {
            return;
        };
        let (mut waiting, mut since) = (self.queue.waiting(), Instant::now());
        while !thread.is_finished() {
            thread::sleep(GLANCE);
            let still = self.queue.waiting();
            if still != waiting {
                (waiting, since) = (still, Instant::now());
            } else if since.elapsed() > PATIENCE {
                let path = self.path.display();
                return tracing::error!(
                    "the trace {path} lacks its end: the disk took nothing for {PATIENCE:?}"
                );
            }
        }
        // A thread that panicked has said so already.
        let _ = thread.join();
    }
}

/// What the file says of itself.
fn header() -> Header {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Header {
        trace: Header::TRACE.to_owned(),
        version: Header::VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        unix_us: micros(since.unwrap_or_default()),
    }
}

struct Writer {
    queue: Arc<Queue>,
    records: Receiver<Item>,
    path: PathBuf,
    file: BufWriter<File>,
}

/// A line after the first, as a [`Record`](super::Record) has it.
#[derive(Serialize)]
struct Line<'a> {
    us: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    stream: &'a str,
    #[serde(flatten)]
    what: &'a What,
}

impl Writer {
    fn run(mut self, header: &Header) {
        if let Err(error) = self.write(header) {
            self.queue.fail();
            tracing::error!(
                "the trace {} cannot be written ({error}): it gets no more lines, make room and start again",
                self.path.display()
            );
            // Or the buffer would be tried once more.
            let _ = self.file.into_parts();
        }
    }

    fn write(&mut self, header: &Header) -> io::Result<()> {
        self.line(header)?;
        while let Some(Entry { us, stream, what }) = &self.next()? {
            self.line(&Line {
                us: *us,
                stream,
                what,
            })?;
        }
        self.file.flush()
    }

    /// All is flushed whenever nothing waits: what a crash leaves behind ends shortly before it.
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let item = match self.records.try_recv() {
            Ok(item) => item,
            Err(_) => {
                self.file.flush()?;
                self.queue.tell_gap();
                let Ok(item) = self.records.recv() else {
                    return Ok(None); // not while there is a queue, and that is here
                };
                thread::sleep(GATHER);
                item
            }
        };
        if let Some(entry) = &item {
            self.queue.taken(entry);
        }
        Ok(item)
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, line)?;
        self.file.write_all(b"\n")
    }
}
