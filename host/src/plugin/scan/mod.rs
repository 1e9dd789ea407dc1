//! What a library says of itself once it is mapped, found out in another process.
//!
//! A [`Scanner`] starts a child for one library at a time. The child maps it, checks it and calls its `load`, within a
//! time limit and resource limits, and answers over a pipe; so a library that crashes, hangs or ends its process while
//! it is opened is a sentence. What could be opened is remembered by its SHA-256.
//!
//! `child` is that process; `listen` waits for its answer, `report` is what it may say, `cache` what is remembered.
#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod child;
mod error;
#[cfg(unix)]
mod limits;
#[cfg(unix)]
mod listen;
mod report;

#[cfg(unix)]
pub use child::answer;
pub use error::ScanError;

use super::copy::PrivateCopy;
use super::description::Description;
use super::executable::{executable, running_executable};
use super::first_bytes::FirstBytes;
use super::host_table::Services;
use super::open::Plugin;
use super::open_error::OpenError;
use report::Report;
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// All that a library says of itself.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// Its descriptor.
    pub description: Description,
    /// The first bytes of its datagrams, if it tells them from the application's.
    pub first_bytes: Option<FirstBytes>,
    /// Whether that map is only half the answer.
    pub inspects: bool,
}

/// Opens libraries in processes of their own.
#[derive(Clone, Debug)]
pub struct Scanner {
    command: Option<Command>,
    patience: Duration,
    remembers: bool,
}

#[derive(Clone, Debug)]
struct Command {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// How long a library may take to open, `load` included. A sound one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may be given in its place.
pub(crate) const PATIENCES: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(86_400);

/// The subcommand of `handclasp` that is a scanner's child.
const SUBCOMMAND: &str = "run-scan";

impl Scanner {
    /// Runs `program` with `arguments` for each library. That process must call [`answer`] before it does anything
    /// else: `handclasp run-scan` does, and a program that has a host of its own may be its own scanner this way.
    pub fn new(program: PathBuf, arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments = arguments.into_iter().collect();
        Self {
            command: cfg!(unix).then_some(Command { program, arguments }),
            ..Self::none()
        }
    }

    /// This very program, which must be `handclasp`.
    pub fn this_program() -> Self {
        let program = running_executable();
        program.map_or_else(Self::none, |program| {
            Self::new(program, [SUBCOMMAND.into()])
        })
    }

    /// The command `handclasp` beside this program's executable, else in `PATH`; [`none`](Self::none) if it is not
    /// there.
    pub fn find() -> Self {
        let name = format!("handclasp{EXE_SUFFIX}");
        let this = executable();
        let beside = this.as_deref().and_then(Path::parent).map(Path::to_owned);
        let listed = env::var_os("PATH").unwrap_or_default();
        // An empty entry would be the current directory.
        let found = (beside.into_iter().chain(env::split_paths(&listed)))
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(&name))
            .find(|program| program.is_file());
        found.map_or_else(Self::none, |program| {
            Self::new(program, [SUBCOMMAND.into()])
        })
    }

    /// Opens libraries in this process: whatever they do while they are opened happens to it.
    pub fn none() -> Self {
        Self {
            command: None,
            patience: PATIENCE,
            remembers: true,
        }
    }

    /// A library that takes longer to open is refused, there or in this process: from a millisecond to a day, which
    /// [`Host::new`](crate::Host::new) checks. 10 s unless this is called.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long a library may take, at most a day.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.clamp(*PATIENCES.start(), *PATIENCES.end())
    }

    /// What was given for that, if it is out of its bounds.
    pub(crate) fn wrong_patience(&self) -> Option<Duration> {
        (!PATIENCES.contains(&self.patience)).then_some(self.patience)
    }

    /// Neither asks nor fills the user's cache of verdicts.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Self {
            remembers: false,
            ..self
        }
    }

    /// Whether libraries are opened in another process.
    pub fn is_apart(&self) -> bool {
        self.command.is_some()
    }

    /// Opens the library, and tells what it says of itself. The services are used only if it is opened in this
    /// process.
    ///
    /// # Errors
    /// One sentence that names the file, the cause and the remedy: what [`Plugin::open`] would find, or how the
    /// library ended the process.
    pub fn scan(&self, copy: &PrivateCopy) -> Result<Scanned, OpenError> {
        let report = match &self.command {
            Some(command) => self.report(command, copy)?,
            None => Report::of(Plugin::open(copy, &Arc::new(Services::default()))?.as_ref()),
        };
        Ok(report.scanned(copy))
    }

    #[cfg(unix)]
    fn report(&self, command: &Command, copy: &PrivateCopy) -> Result<Report, OpenError> {
        let cache = self
            .remembers
            .then(|| cache::Cache::open(&command.program))
            .flatten();
        if let Some(known) = cache.as_ref().and_then(|cache| cache.get(copy.sha256())) {
            return Ok(known);
        }
        let scan = |copy: &PrivateCopy| listen::scan(command, copy, self.patience());
        let scanned = scan(copy).or_else(|error| match (&error, copy) {
            (ScanError::NotMapped(_), copy) => scan(&copy.moved_to_disk().ok_or(error)?),
            _ => Err(error),
        });
        let report = scanned.map_err(|error| OpenError {
            file: copy.plugin().path.clone(),
            cause: error.into(),
        })?;
        // Only what can be opened: what it lacked may be there the next time.
        if let Some(cache) = cache {
            cache.put(copy.sha256(), &report);
        }
        Ok(report)
    }

    #[cfg(not(unix))]
    fn report(&self, _: &Command, copy: &PrivateCopy) -> Result<Report, OpenError> {
        Ok(Report::of(
            Plugin::open(copy, &Arc::new(Services::default()))?.as_ref(),
        ))
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::find()
    }
}
