//! Where lines are written to.
use super::own_line;
use handclasp::counted;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tracing::Level;

/// How often a reader that is behind is looked after, where writing does not wait for it.
const GLANCE: Duration = Duration::from_millis(20);

/// A file, or standard error without the lock that the standard library holds while it writes.
pub(super) struct Output {
    file: File,
    /// Lines that were not written, and not told of yet.
    lost: u64,
}

/// What is written to from the next lines on.
static NEXT: Mutex<Option<File>> = Mutex::new(None);

/// From the next lines on this file is written to.
pub(super) fn exchange(file: File) {
    *NEXT.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
}

pub(super) fn standard_error() -> io::Result<File> {
    #[cfg(unix)]
    let owned = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&io::stderr()).try_clone_to_owned()?;
    Ok(File::from(owned))
}

impl Output {
    pub(super) fn new(file: File) -> Self {
        Self { file, lost: 0 }
    }

    /// What cannot be written is counted, which is told once something can.
    pub(super) fn write(&mut self, lines: &[u8], dropped: u64) -> ControlFlow<()> {
        if let Some(next) = NEXT.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.file = next;
        }
        if self
            .tell_lost()
            .and_then(|()| self.write_all(lines))
            .is_err()
        {
            self.lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.lost += dropped;
        // If it cannot be told now, then with the next lines.
        let _ = self.tell_lost();
        ControlFlow::Continue(())
    }

    fn tell_lost(&mut self) -> io::Result<()> {
        if self.lost > 0 {
            let sentence = format!(
                "{} missing here: standard error was not read, or was full",
                counted(self.lost, "line")
            );
            let line = own_line(Level::WARN, module_path!(), &sentence) + "\n";
            self.write_all(line.as_bytes())?;
            self.lost = 0;
        }
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process has made it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GLANCE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_told_once_something_can() {
        let (mut reader, writer) = io::pipe().expect("there are files left");
        let full = File::options().write(true).open("/dev/full");
        let mut output = Output::new(full.expect("Linux has it"));
        let _ = output.write(b"one\ntwo\n", 3);
        let _ = output.write(b"three\n", 0);
        output.file = File::from(std::os::fd::OwnedFd::from(writer));
        let _ = output.write(b"four\n", 0);
        let _ = output.write(b"five\n", 2);
        drop(output);
        let told = io::read_to_string(&mut reader).expect("it is text");
        let missing = |count| {
            format!("{count} lines missing here: standard error was not read, or was full\n")
        };
        assert_eq!(told, missing(6) + "four\nfive\n" + &missing(2));
    }
}
