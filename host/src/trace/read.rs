use super::{Header, Record};
use std::io::{self, BufRead, Read};

/// A trace that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its first line.
    pub header: Header,
    /// The others, by time.
    pub records: Vec<Record>,
    /// Whether it ends in the middle of a line: whoever wrote it was interrupted.
    pub cut_off: bool,
}

/// Why a trace cannot be read. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system cannot read it.
    #[error("line {line} cannot be read: {error}")]
    Io {
        /// Where reading ended.
        line: u64,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The first line is not a trace's.
    #[error(
        "line 1 is not the first line of a trace: name a file that `--trace` of `stream` or `demo` has written"
    )]
    Foreign,
    /// Another version of the format.
    #[error(
        "line 1: it is in version {version} of the format, and this release reads version {}: use the release that \
         wrote it",
        Header::VERSION
    )]
    Version {
        /// Which.
        version: u32,
    },
    /// A line that is not a record.
    #[error("line {line} is no record of a trace ({error}): the file is damaged or was edited")]
    Record {
        /// Which.
        line: u64,
        /// Why.
        #[source]
        error: serde_json::Error,
    },
    /// A line longer than any that is written.
    #[error("line {line} is longer than {MAX_LINE} bytes: the file is damaged or is no trace")]
    TooLong {
        /// Which.
        line: u64,
    },
}

/// Most bytes of a line: the longest datagram in base64 leaves much room.
const MAX_LINE: u64 = 256 * 1024;

impl Trace {
    /// Reads a trace to its end, or to where its writing was interrupted.
    ///
    /// # Errors
    /// It is no trace of this version, or damaged before its end.
    pub fn read(source: impl BufRead) -> Result<Self, ReadError> {
        let mut lines = Lines { source, number: 0 };
        let first = lines.next()?.unwrap_or_default();
        let header = header(&first.bytes)?;
        let (mut records, mut cut_off) = (Vec::new(), !first.ended);
        while let Some(line) = lines.next()? {
            match serde_json::from_slice::<Record>(&line.bytes) {
                Ok(record) => records.push(record),
                Err(_) if !line.ended => cut_off = true,
                Err(error) => {
                    let line = lines.number;
                    return Err(ReadError::Record { line, error });
                }
            }
        }
        records.sort_by_key(|record| record.us);
        Ok(Self {
            header,
            records,
            cut_off,
        })
    }
}

/// What every version's first line has.
#[derive(serde::Deserialize)]
struct AnyHeader {
    trace: String,
    version: u32,
}

fn header(line: &[u8]) -> Result<Header, ReadError> {
    let any: AnyHeader = serde_json::from_slice(line).map_err(|_| ReadError::Foreign)?;
    if any.trace != Header::TRACE {
        return Err(ReadError::Foreign);
    }
    if any.version != Header::VERSION {
        let version = any.version;
        return Err(ReadError::Version { version });
    }
    serde_json::from_slice(line).map_err(|_| ReadError::Foreign)
}

struct Lines<R> {
    source: R,
    number: u64,
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// Whether its end was found.
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Line>, ReadError> {
        self.number += 1;
        let line = self.number;
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.source).take(MAX_LINE + 1);
        bounded
            .read_until(b'\n', &mut bytes)
            .map_err(|error| ReadError::Io { line, error })?;
        let ended = bytes.pop_if(|last| *last == b'\n').is_some();
        match bytes.len() as u64 {
            0 if !ended => Ok(None),
            1..=MAX_LINE | 0 => Ok(Some(Line { bytes, ended })),
            // Before the second line it is not even known to be a trace.
            _ if line == 1 => Err(ReadError::Foreign),
            _ => Err(ReadError::TooLong { line }),
        }
    }
}
