//! How a command ends when it does not end well. The codes are part of the interface.
use super::log;
use handclasp::{BindError, HostError, OpenError, TrustError, plugin, printable};
use std::fmt;
use std::process::ExitCode;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(super) struct Failed {
    code: u8,
    sentence: String,
}

/// It was tried and did not succeed.
const FAILED: u8 = 1;
/// The command line is wrong; clap's own code for it.
const USAGE: u8 = 2;
/// A plugin cannot be found, used, or not with these options.
const PLUGIN: u8 = 3;

impl Failed {
    /// It was tried and did not succeed.
    pub(super) fn new(sentence: impl fmt::Display) -> Self {
        Self {
            code: FAILED,
            sentence: sentence.to_string(),
        }
    }

    /// The command line is wrong, which only what it names could tell.
    pub(super) fn usage(sentence: impl fmt::Display) -> Self {
        Self {
            code: USAGE,
            sentence: sentence.to_string(),
        }
    }

    /// A plugin is there and loads, but `init` refuses.
    pub(super) fn plugin(sentence: impl fmt::Display) -> Self {
        Self {
            code: PLUGIN,
            sentence: sentence.to_string(),
        }
    }

    /// What is told.
    #[cfg(target_os = "linux")]
    pub(super) fn into_sentence(self) -> String {
        self.sentence
    }

    /// Where nobody reads, the exit code still tells. Whatever a peer, a plugin or a file has put into the sentence, a
    /// terminal obeys none of it.
    pub(super) fn report(self) -> ExitCode {
        let style = anstyle::Style::new()
            .bold()
            .fg_color(Some(anstyle::AnsiColor::Red.into()));
        log::say_last(&format!(
            "{style}error:{style:#} {}",
            printable(&self.sentence)
        ));
        ExitCode::from(self.code)
    }
}

impl From<plugin::Error> for Failed {
    fn from(error: plugin::Error) -> Self {
        Self::plugin(error)
    }
}

impl From<plugin::FindError> for Failed {
    fn from(error: plugin::FindError) -> Self {
        Self::plugin(error)
    }
}

impl From<HostError> for Failed {
    fn from(error: HostError) -> Self {
        Self::new(error)
    }
}

impl From<OpenError> for Failed {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Plugin(error) => error.into(),
            OpenError::Bind(error @ BindError::NoTransport) => Self::usage(error),
            OpenError::Trust(error @ (TrustError::Unreadable { .. } | TrustError::File { .. })) => {
                Self::usage(error)
            }
            error => Self::new(error),
        }
    }
}
