//! The child: opens the library it has as its input, and answers on its output.
use super::limits;
use super::report::{Answer, Report};
use crate::plugin::copy::PrivateCopy;
use crate::plugin::host_table::Services;
use crate::plugin::linker::LinkError;
use crate::plugin::open::{Plugin, Step};
use crate::plugin::open_error::Cause;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Descriptors from here on are this process's own: a library that closes some closes the low ones.
const PRIVATE_FROM: i32 = 100;

/// What stands in the answer before each step.
pub(super) const OPENING: u8 = b'o';
pub(super) const CHECKING: u8 = b'c';
pub(super) const LOADING: u8 = b'l';

/// Is the child of a [`Scanner`](super::Scanner): takes a library on standard input, and writes what it says of itself
/// to standard output. To be called by a program that does nothing else, before it has made any thread. `name` is the
/// library's name for people; `path` where it can be mapped, if that cannot be done by its descriptor.
///
/// # Errors
/// Descriptors or the answer cannot be had: then there is no scanner.
pub fn answer(name: &Path, path: Option<PathBuf>) -> io::Result<()> {
    let library = File::from(fcntl_dupfd_cloexec(stdin(), PRIVATE_FROM)?);
    let mut output = File::from(fcntl_dupfd_cloexec(stdout(), PRIVATE_FROM)?);
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(stderr())?;
    drop(null);
    limits::apply();
    // What cannot be told is told by the end of this process.
    let mut tell = |byte: u8| drop(output.write_all(&[byte]));
    tell(OPENING);
    let step = |step| match step {
        Step::Check => tell(CHECKING),
        Step::Load => tell(LOADING),
    };
    let opened = match PrivateCopy::of_descriptor(library, name, path) {
        Ok(copy) => Plugin::open_in_steps(&copy, &Arc::new(Services::default()), step)
            .map_err(|error| error.cause),
        Err(sentence) => return say(&mut output, &Answer::Refused(sentence)),
    };
    let answer = match &opened {
        Ok(plugin) => Answer::Opened(Box::new(Report::of(plugin))),
        Err(cause @ Cause::Open(LinkError::NotMapped(_))) => Answer::NotMapped(cause.to_string()),
        Err(cause) => Answer::Refused(cause.to_string()),
    };
    // Whatever the library does at the end of a process is not asked for: the parent ends this one.
    std::mem::forget(opened);
    say(&mut output, &answer)
}

fn say(output: &mut File, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    output.write_all(&line)?;
    loop {
        std::thread::park();
    }
}
