//! How a command ends when it does not end well. The codes are part of the interface.
use super::log;
use handclasp::plugin::{FindError, NamedBy, OptionError, OptionFault};
use handclasp::stream::SettingsError;
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
        Self::plugin(match &error {
            plugin::Error::Find(error) => not_found(error),
            plugin::Error::Options(error) => wrong_option(error),
            error => error.to_string(),
        })
    }
}

impl From<plugin::FindError> for Failed {
    fn from(error: plugin::FindError) -> Self {
        Self::plugin(not_found(&error))
    }
}

/// With the flag that names the directory.
fn not_found(error: &FindError) -> String {
    match error {
        FindError::Directory {
            directory,
            named_by: NamedBy::Caller,
            error,
        } => format!(
            "cannot look for plugins in {} ({error}): make the directory, or correct --plugin-dir",
            directory.display()
        ),
        error => error.to_string(),
    }
}

/// With the flag that gives the option; others on this machine can read a command line.
fn wrong_option(error: &OptionError) -> String {
    let OptionError { plugin, key, fault } = error;
    match fault {
        OptionFault::Missing { help, secret } => {
            let flag = match secret {
                true => format!("--option-file {key}=FILE"),
                false => format!("--option {key}=VALUE"),
            };
            format!(
                "option `{key}` of plugin `{plugin}` is required ({help}): give it a value, such as with `{flag}`"
            )
        }
        _ => error.to_string(),
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
            OpenError::Settings(error @ SettingsError::InitData { .. }) => Self::plugin(error),
            error @ (OpenError::Settings(_) | OpenError::Loss(_)) => Self::usage(error),
            OpenError::Bind(error) if is_usage(&error) => Self::usage(error),
            OpenError::Trust(error @ (TrustError::Unreadable { .. } | TrustError::File { .. })) => {
                Self::usage(error)
            }
            error => Self::new(error),
        }
    }
}

/// Whether no machine could have such sockets; otherwise this one has none.
fn is_usage(error: &BindError) -> bool {
    !matches!(
        error,
        BindError::Interfaces(_) | BindError::NoAddress { .. } | BindError::Bind { .. }
    )
}
