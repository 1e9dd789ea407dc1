//! A trace being written. Whoever has something to record never waits for the disk.
use super::{Header, Record, Recorder, What};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A trace being written. Dropping it completes the file: what recorders note afterwards does not stand in it,
/// so let it outlive the streams.
#[derive(Debug)]
pub struct TraceFile {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
#[error("the trace {} cannot be written ({error}): name a file that you may write to", path.display())]
pub struct TraceError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// Records on their way to the thread that writes them.
#[derive(Debug)]
pub(super) struct Queue {
    started: Instant,
    /// `None` ends the file.
    sender: SyncSender<Option<Record>>,
    missed: Arc<AtomicU64>,
}

/// Most records that wait for the disk.
const MAX_QUEUED: usize = 8192;

impl TraceFile {
    /// Makes the file, its owner's alone (mode 0600), or empties one that is there, whose mode stays.
    ///
    /// # Errors
    /// It cannot be written to, or the system gives no thread.
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let begun = open(path).and_then(|file| Self::start(file, path));
        begun.map_err(|error| TraceError {
            path: path.to_owned(),
            error,
        })
    }

    fn start(file: File, path: &Path) -> io::Result<Self> {
        let (sender, records) = sync_channel(MAX_QUEUED);
        let (started, header) = (Instant::now(), header());
        let missed = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            started,
            records,
            missed: Arc::clone(&missed),
            path: path.to_owned(),
            file: BufWriter::new(file),
        };
        let thread = thread::Builder::new()
            .name("handclasp-trace".to_owned())
            .spawn(move || writer.run(&header))?;
        let queue = Queue {
            started,
            sender,
            missed,
        };
        Ok(Self {
            queue: Arc::new(queue),
            thread: Some(thread),
        })
    }

    /// A recorder for the stream of this name.
    pub fn recorder(&self, stream: &str) -> Recorder {
        Recorder::new(Arc::clone(&self.queue), stream)
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        // Nobody takes it once the file has failed.
        let _ = self.queue.sender.send(None);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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

impl Queue {
    /// When `at` is, in microseconds of the trace.
    pub(super) fn us(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.started))
    }

    /// Hands a record to the writer. Where the disk cannot keep up it is only counted; where it failed, which
    /// was said, it is dropped.
    pub(super) fn push(&self, record: Record) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Some(record)) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    started: Instant,
    records: Receiver<Option<Record>>,
    missed: Arc<AtomicU64>,
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    fn run(mut self, header: &Header) {
        if let Err(error) = self.write(header) {
            tracing::error!(
                "the trace {} cannot be written ({error}): it gets no more lines, make room and start again",
                self.path.display()
            );
            // Or the buffer would be tried once more.
            let _ = self.file.into_parts();
        }
    }

    /// Flushed whenever nothing waits: what a crash leaves behind ends shortly before it.
    fn write(&mut self, header: &Header) -> io::Result<()> {
        self.line(header)?;
        while let Some(record) = self.next()? {
            self.line(&record)?;
        }
        self.flush()
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        if let Ok(next) = self.records.try_recv() {
            return Ok(next);
        }
        self.flush()?;
        Ok(self.records.recv().ok().flatten())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tell_missed()?;
        self.file.flush()
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, line)?;
        self.file.write_all(b"\n")
    }

    fn tell_missed(&mut self) -> io::Result<()> {
        match self.missed.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => self.line(&Record {
                us: micros(self.started.elapsed()),
                stream: String::new(),
                what: What::Missed { count },
            }),
        }
    }
}

/// Five hundred thousand years are enough.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
