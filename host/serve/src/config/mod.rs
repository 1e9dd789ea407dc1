//! The configuration file, `handclasp.toml`: every key has a default, a bound and a place in an error.
//!
//! A section names its keys once, in its `Section::keys`: what each is for, what it takes, and whether a reload is
//! enough. What reads a file, writes the example, lists the keys and compares two configurations are `Visitor`s of
//! those.
//!
//! - `wrong`: what is wrong with a value, and where it stands;
//! - `source`: lines and columns of the text;
//! - `key`: a key, and what visits it;
//! - `kind`: what values may be: numbers, durations, sizes, shares, names, files;
//! - `value`: a value as it is visited, with or without a default;
//! - `secret`: a secret in a file or in the environment;
//! - the sections, one file each;
//! - `config`: all of them;
//! - `places`: where keys were given, for rules that concern several;
//! - `reader`, `example`, `reference`, `changes`: the visitors;
//! - `error`: all that is wrong with a file.
mod announce;
mod canary;
mod changes;
#[expect(clippy::module_inception, reason = "it is named after its type")]
mod config;
mod control;
mod error;
mod example;
mod key;
mod kind;
mod limits;
mod listen;
mod log;
mod metrics;
mod places;
mod plugin;
mod plugins;
mod reader;
mod reference;
mod secret;
mod servers;
mod source;
mod timeouts;
mod turn;
mod value;
mod wrong;

pub use announce::{Announce, AnnouncedAs};
pub use canary::Canary;
pub use changes::{Changes, NeedsRestart};
pub use config::Config;
pub use control::{Control, NoRuntimeDirectory};
pub use error::{ConfigError, ConfigErrors};
pub use kind::Share;
pub use limits::Limits;
pub use listen::{Ipv6, Listen};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use plugin::PluginSettings;
pub use plugins::{KeySource, Plugins};
pub use reference::ReferenceRow;
pub use secret::{Hidden, SecretError, SecretSource};
pub use servers::Servers;
pub(crate) use source::position;
pub use timeouts::Timeouts;
pub use turn::Turn;

#[cfg(test)]
mod tests;
