//! Where a page or a capture goes.
use crate::cli::exit::Failed;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) enum Output {
    Standard,
    File(PathBuf),
}

impl Output {
    /// A file that is not the trace itself.
    pub(super) fn file(path: PathBuf, trace: &Path) -> Result<Self, Failed> {
        let same = match (fs::canonicalize(&path), fs::canonicalize(trace)) {
            (Ok(path), Ok(trace)) => path == trace,
            _ => false,
        };
        if same {
            let path = path.display();
            return Err(Failed::usage(format!(
                "{path} is the trace, which would be overwritten: name another file"
            )));
        }
        Ok(Self::File(path))
    }

    /// Writes it, its owner's alone as the trace is, and says where it is.
    pub(super) fn write(&self, contents: &[u8]) -> Result<(), Failed> {
        let Self::File(path) = self else {
            let mut stdout = io::stdout().lock();
            return unless_closed(stdout.write_all(contents).and_then(|()| stdout.flush()));
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(path)
            .and_then(|mut file| file.write_all(contents));
        let path = path.display();
        written.map_err(|error| {
            Failed::new(format!(
                "{path} cannot be written ({error}): name a file that you may write to"
            ))
        })?;
        anstream::eprintln!("Written: {path}");
        Ok(())
    }
}

/// A reader that has gone away has seen enough.
pub(super) fn unless_closed(written: io::Result<()>) -> Result<(), Failed> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(format!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}
