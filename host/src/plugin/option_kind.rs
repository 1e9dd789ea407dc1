//! What the values of an option are.
use std::fmt;

/// What the values of an option are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    String,
    /// A whole number from -2^63 to 2^63-1, decimal, or hexadecimal after `0x`.
    Integer,
    /// `true`, `yes`, `on` and `1`, or `false`, `no`, `off` and `0`.
    Boolean,
    /// The path of a regular file that can be read.
    File,
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
            Self::File => "the path of a file",
        })
    }
}

impl OptionKind {
    /// The one spelling of a value; `None` if it is of another kind.
    pub(super) fn normalise(self, value: &str) -> Option<String> {
        match self {
            Self::String | Self::File => Some(value.to_owned()),
            Self::Integer => integer(value).map(|number| number.to_string()),
            Self::Boolean => match value.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some("true".to_owned()),
                "false" | "no" | "off" | "0" => Some("false".to_owned()),
                _ => None,
            },
        }
    }
}

fn integer(value: &str) -> Option<i64> {
    let (sign, digits) = match value.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", value),
    };
    match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        // `from_str_radix` would take a second sign.
        Some(hex) if hex.starts_with(['+', '-']) => None,
        Some(hex) => i64::from_str_radix(&format!("{sign}{hex}"), 16).ok(),
        None => value.parse().ok(),
    }
}
