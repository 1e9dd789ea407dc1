//! The command's own input and output, on descriptors that no plugin knows.
//!
//! A plugin runs in this process: what it prints, reads or closes are descriptors 0 to 2. So a command that maps a
//! plugin moves its own input and output elsewhere before, and leaves /dev/null and standard error in their places.
//!
//! Whoever shares input or output with this process may have made them non-blocking, as node, asyncio and some shells
//! do: here they are waited for all the same.
use super::exit::Failed;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;

#[cfg(unix)]
use unix as system;

#[cfg(not(unix))]
mod system {
    use std::io::{self, BufRead, Write};

    pub(super) fn input() -> impl BufRead {
        io::stdin().lock()
    }

    pub(super) fn output() -> impl Write {
        io::stdout()
    }

    pub(super) fn claim() -> io::Result<()> {
        Ok(())
    }

    pub(super) fn restore() -> io::Result<()> {
        Ok(())
    }
}

/// How the output is coloured, decided while it is in its old place.
static CHOICE: OnceLock<anstream::ColorChoice> = OnceLock::new();

/// Why the first line that could not be written could not.
static PROBLEM: OnceLock<io::Error> = OnceLock::new();

/// Moves input and output to private descriptors. To be called before the first plugin is mapped.
///
/// # Errors
/// The process has no descriptors left.
pub(super) fn claim() -> io::Result<()> {
    choice();
    system::claim()
}

/// Puts back what belongs into the places of descriptors 0 to 2, which a plugin's `load` may have closed.
///
/// # Errors
/// The system's.
pub(super) fn restore() -> io::Result<()> {
    system::restore()
}

/// The command's input.
pub(super) fn input() -> impl io::BufRead {
    system::input()
}

/// Writes to the command's output in one piece, past all buffers.
///
/// # Errors
/// The output's.
pub(super) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut output = system::output();
    output.write_all(bytes)?;
    output.flush()
}

/// Writes a line in one piece, with colours where they are wanted. After one that could not be written nothing is;
/// [`outcome`] tells it.
pub(super) fn say(line: impl Display) {
    if PROBLEM.get().is_some() {
        return;
    }
    let mut text = anstream::AutoStream::new(Vec::new(), choice());
    let written = writeln!(text, "{line}").and_then(|()| write(&text.into_inner()));
    if let Err(error) = written {
        let _ = PROBLEM.set(error);
    }
}

/// Whether all that was said was written.
///
/// # Errors
/// As those of [`unless_closed`].
pub(super) fn outcome() -> Result<(), Failed> {
    PROBLEM.get().map_or(Ok(()), unless_closed)
}

/// What the output's error means for the command: a reader that has gone away has seen enough.
///
/// # Errors
/// It is another error.
pub(super) fn unless_closed(error: &io::Error) -> Result<(), Failed> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failed::new(format!(
            "standard output cannot be written: {error}"
        ))),
    }
}

fn choice() -> anstream::ColorChoice {
    *CHOICE.get_or_init(|| anstream::AutoStream::choice(&io::stdout()))
}

#[cfg(unix)]
mod unix {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::{Errno, fcntl_dupfd_cloexec};
    use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
    use std::fs::File;
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::sync::OnceLock;

    struct Private {
        input: OwnedFd,
        output: OwnedFd,
        /// What stands in the place of standard input.
        null: OwnedFd,
        /// What stands in the places of standard output and standard error.
        errors: OwnedFd,
    }

    static PRIVATE: OnceLock<Private> = OnceLock::new();

    /// Private descriptors have this number or a higher one: the low ones are everybody's.
    const PRIVATE_FROM: i32 = 10;

    pub(super) fn claim() -> io::Result<()> {
        if PRIVATE.get().is_none() {
            let private = |fd: BorrowedFd<'_>| fcntl_dupfd_cloexec(fd, PRIVATE_FROM);
            let null = File::options().read(true).write(true).open("/dev/null")?;
            let claimed = Private {
                input: private(stdin())?,
                output: private(stdout())?,
                null: private(null.as_fd())?,
                errors: private(stderr())?,
            };
            // One thread calls this, once, when nothing else runs yet.
            let _ = PRIVATE.set(claimed);
        }
        restore()
    }

    pub(super) fn restore() -> io::Result<()> {
        if let Some(private) = PRIVATE.get() {
            dup2_stdin(&private.null)?;
            dup2_stdout(&private.errors)?;
            dup2_stderr(&private.errors)?;
        }
        Ok(())
    }

    pub(super) fn input() -> impl BufRead {
        let claimed = PRIVATE.get().map(|private| private.input.as_fd());
        BufReader::new(Waiting(claimed.unwrap_or(stdin())))
    }

    pub(super) fn output() -> impl Write {
        let claimed = PRIVATE.get().map(|private| private.output.as_fd());
        Waiting(claimed.unwrap_or(stdout()))
    }

    /// Waits where a descriptor is non-blocking. It stays so: it is not this process's alone.
    struct Waiting(BorrowedFd<'static>);

    impl Waiting {
        /// Until the call does not ask to come again.
        fn until<T>(
            &self,
            ready: PollFlags,
            mut call: impl FnMut(BorrowedFd<'static>) -> Result<T, Errno>,
        ) -> io::Result<T> {
            loop {
                match call(self.0) {
                    Err(Errno::AGAIN) => match poll(&mut [PollFd::new(&self.0, ready)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    },
                    called => return Ok(called?),
                }
            }
        }
    }

    impl Read for Waiting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.until(PollFlags::IN, |input| rustix::io::read(input, &mut *buffer))
        }
    }

    impl Write for Waiting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.until(PollFlags::OUT, |output| rustix::io::write(output, bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
