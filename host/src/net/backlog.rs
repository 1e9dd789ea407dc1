//! Bytes that wait for a connection.
use std::io::{self, ErrorKind, Write};

/// Bytes that a connection has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How many at their beginning have left.
    sent: usize,
}

/// Most bytes that have left and are kept nevertheless: those that wait move down seldom, and a long way.
const MAX_SENT: usize = 128 * 1024;

impl Backlog {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Where more are put.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes what waits, as far as it is taken.
    ///
    /// # Errors
    /// That of writing, but for one that says to wait.
    pub(super) fn write_to(&mut self, io: &mut impl Write) -> io::Result<()> {
        let mut written = Ok(());
        while self.len() > 0 {
            match io.write(&self.bytes[self.sent..]) {
                Ok(0) => break,
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    written = Err(error);
                    break;
                }
            }
        }
        if self.len() == 0 || self.sent > MAX_SENT {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time, then says to wait, and in the end fails.
    struct Slow {
        each: usize,
        takes: bool,
        taken: Vec<u8>,
        fails: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.fails {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.takes = !self.takes;
            if !self.takes {
                return Err(ErrorKind::WouldBlock.into());
            }
            let length = self.each.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_not_taken_waits_and_leaves_in_order() {
        let all: Vec<u8> = (0..600_000_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        let (mut backlog, mut slow) = (
            Backlog::default(),
            Slow {
                each: 1000,
                takes: false,
                taken: Vec::new(),
                fails: false,
            },
        );
        for part in all.chunks(2000) {
            backlog.end().extend_from_slice(part);
            backlog.write_to(&mut slow).expect("it only waits");
            assert!(backlog.bytes.len() <= backlog.len() + MAX_SENT + 1000);
        }
        assert_eq!(backlog.len(), 300_000);
        while backlog.len() > 0 {
            backlog.write_to(&mut slow).expect("it only waits");
        }
        assert_eq!(slow.taken, all);
        assert!(backlog.bytes.is_empty());
    }

    #[test]
    fn a_failure_is_told_and_keeps_what_waits() {
        let mut backlog = Backlog::default();
        backlog.end().extend_from_slice(b"three");
        let mut broken = Slow {
            each: 0,
            takes: false,
            taken: Vec::new(),
            fails: true,
        };
        let failed = backlog.write_to(&mut broken).expect_err("it is broken");
        assert_eq!((failed.kind(), backlog.len()), (ErrorKind::BrokenPipe, 5));
    }
}
