//! What is printed, kept from where it would go.
use handclasp::plugin::watch;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdout, stderr, stdout};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Standard output and error, which are files until this ends.
pub(crate) struct Capture {
    before: [OwnedFd; 2],
    files: [PathBuf; 2],
}

/// What was printed meanwhile.
pub(crate) struct Printed {
    pub(crate) output: String,
    pub(crate) error: String,
}

/// Descriptors from here on are not those that a plugin closes in passing.
const PRIVATE_FROM: i32 = 100;

impl Capture {
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        watch::flush();
        let files = ["printed", "complained"].map(|name| directory.join(name));
        let [output, error] = [File::create(&files[0])?, File::create(&files[1])?];
        let before = [
            fcntl_dupfd_cloexec(stdout(), PRIVATE_FROM)?,
            fcntl_dupfd_cloexec(stderr(), PRIVATE_FROM)?,
        ];
        dup2_stdout(&output)?;
        dup2_stderr(&error)?;
        Ok(Self { before, files })
    }

    pub(crate) fn end(self) -> Printed {
        watch::flush();
        // What cannot be put back is lost to whoever looks for a crash's last words, no more.
        let _ = dup2_stdout(&self.before[0]);
        let _ = dup2_stderr(&self.before[1]);
        let [output, error] = self.files.map(|file| {
            let printed = fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&printed).into_owned()
        });
        Printed { output, error }
    }
}
