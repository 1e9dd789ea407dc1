//! Why an option cannot be given to a plugin.
use super::option_kind::OptionKind;
use crate::shortened::shortened;

/// Most bytes of an option's value: 1 MiB.
pub const MAX_VALUE: usize = 1 << 20;

/// Most values that a plugin is given.
pub const MAX_VALUES: usize = 1024;

/// An option that cannot be given to a plugin; reads as one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("option `{key}` of plugin `{plugin}` {fault}")]
pub struct OptionError {
    /// The plugin's id.
    pub plugin: String,
    /// The option, or how its key begins.
    pub key: String,
    /// What is wrong with it.
    pub fault: OptionFault,
}

/// What is wrong with an option. The value of a secret one is `None`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionFault {
    /// The plugin declares no such key.
    #[error("does not exist: {}", hint(similar.as_deref(), known))]
    Unknown {
        /// The key that was probably meant.
        similar: Option<String>,
        /// The keys there are.
        known: Vec<String>,
    },
    /// Required, and there is neither a value nor a default.
    #[error("is required ({help}): give it a value, with StreamOptions::plugin_option")]
    Missing {
        /// What the plugin says about it.
        help: String,
        /// Whether its value must not be seen.
        secret: bool,
    },
    /// It takes one value and was given more.
    #[error("is given more than once: give it one value")]
    Repeated,
    /// More than any plugin takes.
    #[error("is given a value of {bytes} bytes: give it at most {MAX_VALUE}")]
    TooLong {
        /// The value's bytes.
        bytes: usize,
    },
    /// Values of more options than any plugin takes.
    #[error("is the first of {count} values: give a plugin at most {MAX_VALUES}")]
    TooMany {
        /// How many values are given.
        count: usize,
    },
    /// A value of another kind.
    #[error("is given {}: it takes {kind}", quoted(value.as_deref()))]
    Value {
        /// The value.
        value: Option<String>,
        /// What it takes.
        kind: OptionKind,
    },
    /// A file that is not there, not regular, or not this user's to read.
    #[error(
        "names {}, which cannot be read ({cause}): make sure that the file exists and that this user may read it",
        file(path.as_deref())
    )]
    File {
        /// The file.
        path: Option<String>,
        /// What the system says.
        cause: String,
    },
    /// The plugin's own default is of another kind.
    #[error(
        "has the default {} and takes {kind}: give it a value, and tell the plugin's author",
        quoted(value.as_deref())
    )]
    Default {
        /// The default.
        value: Option<String>,
        /// What it takes.
        kind: OptionKind,
    },
}

fn hint(similar: Option<&str>, known: &[String]) -> String {
    match similar {
        Some(key) => format!("did you mean `{key}`?"),
        None if known.is_empty() => "the plugin takes none".to_owned(),
        None => format!("there are {}", known.join(", ")),
    }
}

fn file(path: Option<&str>) -> String {
    path.map_or_else(
        || "a file (its path is secret)".to_owned(),
        |path| format!("{:?}", shortened(path)),
    )
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "a value that does not fit (it is secret)".to_owned(),
        |value| format!("{:?}", shortened(value)),
    )
}
