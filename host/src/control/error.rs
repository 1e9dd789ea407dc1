use super::{MAX_LINE, MAX_PAYLOAD};

/// A line that was not understood. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ParseError {
    /// Where in the line, in bytes, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a line, and what to do about it. Names of the sender's are quoted and cut short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Longer than [`MAX_LINE`].
    #[error("the line is longer than {MAX_LINE} bytes: send shorter ones")]
    TooLong,
    /// Not UTF-8.
    #[error("the line is not UTF-8: write JSON in UTF-8, and bytes as base64")]
    Encoding,
    /// Not one JSON object.
    #[error("{0}: write one JSON object on each line")]
    Syntax(String),
    /// A field that stands twice.
    #[error("the field {0} is given twice: give it once")]
    Repeated(String),
    /// No `message`.
    #[error(
        "the field \"message\" is missing: it says what is asked, such as {{\"message\":\"stop\"}}"
    )]
    NoMessage,
    /// Neither `stream` nor `request`.
    #[error(
        "the line has neither a field \"stream\", which says for which stream its message is, nor a field \"request\": \
         add one"
    )]
    NoStream,
    /// A message that does not exist.
    #[error("there is no message {name}: {}", hint(*similar, known))]
    UnknownMessage {
        /// What stands there.
        name: String,
        /// What was probably meant.
        similar: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A field that the message does not have.
    #[error("the message \"{message}\" has no field {field}: {}", hint(*similar, known))]
    UnknownField {
        /// The message.
        message: &'static str,
        /// What stands there.
        field: String,
        /// What was probably meant.
        similar: Option<&'static str>,
        /// What there is.
        known: &'static [&'static str],
    },
    /// A field that the message needs.
    #[error("the message \"{message}\" needs the field \"{field}\": add it")]
    MissingField {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A value that a field cannot have.
    #[error("the field \"{field}\" cannot be used: give it {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// More than a datagram carries, or nothing.
    #[error(
        "the payload has {0} bytes: a datagram carries 1 to {MAX_PAYLOAD}, so split or leave it"
    )]
    PayloadSize(usize),
}

fn hint(similar: Option<&str>, known: &[&str]) -> String {
    match similar {
        Some(name) => format!("did you mean \"{name}\"?"),
        None if known.is_empty() => "it has none, leave it out".to_owned(),
        None => format!("there are {}", known.join(", ")),
    }
}

/// Most characters of a sender's name that are repeated to it.
const SHOWN: usize = 40;

/// A name as it is repeated to its sender.
pub(super) fn quoted(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
