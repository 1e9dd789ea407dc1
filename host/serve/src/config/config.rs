//! All settings of the daemon.
use super::announce::Announce;
use super::changes::{self, Changes};
use super::control::Control;
use super::error::{ConfigError, ConfigErrors};
use super::example;
use super::key::{Heading, Section, Visitor};
use super::kind::Context;
use super::limits::Limits;
use super::listen::Listen;
use super::log::Log;
use super::metrics::Metrics;
use super::plugin::PluginSettings;
use super::plugins::Plugins;
use super::reader::{MOST_WRONG, Reading};
use super::reference::{self, ReferenceRow};
use super::secret::SecretSource;
use super::servers::Servers;
use super::source::position;
use super::timeouts::Timeouts;
use handclasp::files;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// All settings of the daemon. Each has a default: `Config::default()` is that of no file at all.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[listen]`.
    pub listen: Listen,
    /// `[announce]`.
    pub announce: Announce,
    /// `[servers]`.
    pub servers: Servers,
    /// `[control]`.
    pub control: Control,
    /// `[plugins]`.
    pub plugins: Plugins,
    /// `[plugin.ID]`, by their ids.
    pub plugin: BTreeMap<String, PluginSettings>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[timeouts]`.
    pub timeouts: Timeouts,
    /// `[log]`.
    pub log: Log,
    /// `[metrics]`.
    pub metrics: Metrics,
    file: Option<PathBuf>,
    warnings: Vec<String>,
}

/// Most bytes of a configuration.
const MAX_BYTES: usize = 1 << 20;

impl Config {
    /// Where the file is if none is named.
    pub const DEFAULT_FILE: &str = "/etc/handclasp/handclasp.toml";

    /// Reads the text of a configuration, and no file: what it names is read by those who need it. Relative paths in it
    /// start from the directory of `file`.
    ///
    /// # Errors
    /// All that is wrong with it, each with its line.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigErrors> {
        if text.len() > MAX_BYTES {
            let sentence = format!(
                "{} bytes are too many: give at most {MAX_BYTES}",
                text.len()
            );
            return Err(error(file, None, sentence).into());
        }
        let (table, syntax) = DeTable::parse_recoverable(text);
        let mut config = Self {
            file: Some(file.to_owned()),
            ..Self::default()
        };
        let all = reference::paths();
        let mut reading = Reading {
            context: Context {
                text,
                directory: file.parent().unwrap_or(Path::new("")),
            },
            all: &all,
            wrong: Vec::new(),
            left_out: syntax.len().saturating_sub(MOST_WRONG),
        };
        reading.read("", &table, &mut config);
        let place = |offset| {
            let position = position(text, offset);
            Some((NonZero::new(position.line)?, NonZero::new(position.column)?))
        };
        let syntax = syntax.iter().take(MOST_WRONG).map(|error| ConfigError {
            file: file.to_owned(),
            place: place(error.span().map_or(0, |span| span.start)),
            key: None,
            sentence: format!("this is no TOML ({}): correct the line", error.message()),
        });
        let mut errors: Vec<_> = syntax.collect();
        // One that follows from another on its line tells nothing.
        errors.sort_by_key(|error| error.place);
        errors.dedup_by_key(|error| error.place.map(|(line, _)| line));
        // A line that could not be read gives no value, which is no further error.
        let lines: Vec<_> = errors
            .iter()
            .filter_map(|error| error.place)
            .map(|(line, _)| line)
            .collect();
        let wrong = reading.wrong.into_iter().map(|(key, wrong)| ConfigError {
            file: file.to_owned(),
            place: place(wrong.span.start),
            key: (!key.is_empty()).then(|| shortened(key)),
            sentence: wrong.sentence,
        });
        errors.extend(
            wrong.filter(|error| error.place.is_none_or(|(line, _)| !lines.contains(&line))),
        );
        match ConfigErrors::new(errors, reading.left_out) {
            Some(errors) => Err(errors),
            None => Ok(config),
        }
    }

    /// The same of bytes, which may be no text.
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse).
    pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Self, ConfigErrors> {
        let text = std::str::from_utf8(bytes).map_err(|invalid| {
            let valid = str::from_utf8(&bytes[..invalid.valid_up_to()]).unwrap_or_default();
            let line = valid.matches('\n').count();
            let column = valid
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count();
            ConfigError {
                place: NonZero::new(line + 1).zip(NonZero::new(column + 1)),
                ..error(
                    file,
                    None,
                    "this is no text in UTF-8: save the file as such",
                )
            }
        })?;
        Self::parse(text, file)
    }

    /// Reads a file, which must belong to root or to this user, and which others cannot change.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let bytes = files::read(file).map_err(|cause| {
            let sentence = format!("the configuration cannot be read ({cause}): name a file of root's or of this user's");
            error(file, None, sentence)
        })?;
        let mut config = Self::from_bytes(&bytes, file)?;
        config.warn_of_readers(file);
        config.warn_of_variables();
        config.warn_of_metrics();
        Ok(config)
    }

    /// What is allowed and yet hardly meant: a sentence for each. Only a file that was [loaded](Self::load) has any.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The file that it was read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The list of the plugins that may be used: the one that is named, or `plugins.lock` beside the configuration if
    /// there is anything of that name.
    pub fn lock_file(&self) -> Option<PathBuf> {
        let beside = || {
            let beside = self.file.as_ref()?.parent()?.join("plugins.lock");
            beside.symlink_metadata().is_ok().then_some(beside)
        };
        self.plugins.lock.clone().or_else(beside)
    }

    /// A file with every key, what it is for, and its default.
    pub fn example() -> String {
        example::write(&mut Self::default())
    }

    /// Every key, in the order of the example.
    pub fn reference() -> Vec<ReferenceRow> {
        reference::rows(&mut Self::default())
    }

    /// What is not the same in `new`.
    pub fn changes(&self, new: &Self) -> Changes {
        changes::between(&mut self.clone(), &mut new.clone())
    }

    /// Where secrets are, each with its key.
    fn secrets(&self) -> Vec<(String, SecretSource)> {
        let turn = self
            .servers
            .turn
            .iter()
            .filter_map(|turn| turn.password_source());
        let turn = turn.map(|source| ("servers.turn".to_owned(), source));
        let options = self.plugin.iter().flat_map(|(id, plugin)| {
            let named = move |(key, source): &(String, SecretSource)| {
                (format!("plugin.{id}.options.{key}"), source.clone())
            };
            plugin.options.iter().map(named)
        });
        turn.chain(options).collect()
    }

    /// Passwords in a file that others can read. Options of plugins may be secrets, which only the plugin says.
    fn warn_of_readers(&mut self, file: &Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            const OTHERS: u32 = 0o004;
            let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.mode() & 0o7777);
            let is_in_it = self.servers.turn.iter().any(|turn| turn.password.is_some());
            if is_in_it && mode & OTHERS != 0 {
                self.warnings.push(format!(
                    "{} has a password in it, and its mode {mode:04o} lets others read it: run `chmod o-r` on it, or use \
                     `password-file`",
                    file.display()
                ));
            }
        }
        #[cfg(not(unix))]
        let _ = file;
    }

    fn warn_of_variables(&mut self) {
        for (key, source) in self.secrets() {
            if let SecretSource::Env(variable) = source
                && std::env::var_os(&variable).is_none()
            {
                self.warnings.push(format!("{key} is in the environment's {variable}, which is not set here: set it for the daemon"));
            }
        }
    }

    fn warn_of_metrics(&mut self) {
        if let Some(address) = self.metrics.listen
            && !address.ip().is_loopback()
        {
            self.warnings.push(format!(
                "metrics.listen is {address}: whoever reaches it can read the metrics, so let a firewall choose who does"
            ));
        }
    }

    /// What it names and cannot be read: secrets, certificates, directories. A secret in the environment is not looked
    /// for. Keys and the lock are left to [`trust`](crate::trust).
    ///
    /// # Errors
    /// All that cannot be read.
    pub fn check_files(&self) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        let mut add = |key: &str, sentence: String| {
            errors.push(error(
                self.file().unwrap_or(Path::new("")),
                Some(key),
                sentence,
            ))
        };
        for (key, source) in self.secrets() {
            let read = match source {
                SecretSource::Env(_) => continue,
                source => source.read(),
            };
            if let Err(cause) = read {
                add(&key, cause.to_string());
            }
        }
        if let Err(cause) = self.control.token() {
            add("control.token-file", cause.to_string());
        }
        if let Some(file) = &self.servers.ca_file
            && let Err(cause) = files::read(file)
        {
            add(
                "servers.ca-file",
                format!(
                    "{} cannot be read ({cause}): name a PEM file with certificates",
                    file.display()
                ),
            );
        }
        for directory in &self.plugins.directories {
            if let Err(cause) = directory.read_dir() {
                let directory = directory.display();
                add(
                    "plugins.directories",
                    format!(
                        "{directory} cannot be read ({cause}): make the directory, or correct its name"
                    ),
                );
            }
        }
        ConfigErrors::new(errors, 0).map_or(Ok(()), Err)
    }
}

/// A key for a sentence: it may be as long as the file.
fn shortened(mut key: String) -> String {
    const MOST: usize = 80;
    if let Some((end, _)) = key.char_indices().nth(MOST) {
        key.truncate(end);
        key.push('…');
    }
    key
}

fn error(file: &Path, key: Option<&str>, sentence: impl Into<String>) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        place: None,
        key: key.map(str::to_owned),
        sentence: sentence.into(),
    }
}

impl Section for Config {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        let heading = |name, help| Heading { name, help };
        visitor.section(
            heading("listen", "Where the peers' datagrams arrive."),
            &mut self.listen,
        );
        visitor.section(
            heading(
                "announce",
                "What peers are told in place of this machine's own addresses.",
            ),
            &mut self.announce,
        );
        visitor.section(
            heading("servers", "STUN and TURN servers."),
            &mut self.servers,
        );
        visitor.section(
            heading("control", "Where programs connect that drive the daemon."),
            &mut self.control,
        );
        visitor.section(
            heading(
                "plugins",
                "Where plugins are, and which of them are trusted.",
            ),
            &mut self.plugins,
        );
        visitor.named(
            heading("plugin", "What one plugin gets, and how much of it there may be: a table for each, with its id."),
            &mut self.plugin,
        );
        visitor.section(
            heading("limits", "How much there may be of everything. What is beyond is refused, and whoever asked is told."),
            &mut self.limits,
        );
        visitor.section(
            heading("timeouts", "How long everything may take."),
            &mut self.timeouts,
        );
        visitor.section(heading("log", "What is logged, and where."), &mut self.log);
        visitor.section(
            heading(
                "metrics",
                "Figures for Prometheus, and whether the daemon is healthy.",
            ),
            &mut self.metrics,
        );
    }
}
