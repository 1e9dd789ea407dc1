//! `[log]`: what is logged, and where.
use super::key::{Key, Section, Visitor};
use super::kind::{Choice, File, FromText};
use super::value::{Always, Maybe};
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// What is logged, and where.
#[derive(Clone, Debug)]
pub struct Log {
    /// As `HANDCLASP_LOG`, which wins if it is set.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Where lines go; standard error if it is not given.
    pub file: Option<PathBuf>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            file: None,
        }
    }
}

const LEVEL: FromText<String> = FromText {
    takes: "a level (off, error, warn, info, debug, trace), or TARGET=LEVEL, several separated by commas",
    parse: |text| {
        let is_level = |text: &str| text.parse::<LevelFilter>().is_ok();
        let is_target = |text: &str| {
            let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
            !text.is_empty() && text.chars().all(letters)
        };
        let is_directive = |text: &str| match text.trim().split_once('=') {
            None => is_level(text.trim()),
            Some((target, level)) => is_target(target) && is_level(level),
        };
        let fits = text.len() <= 1024 && text.split(',').all(is_directive);
        fits.then(|| text.to_owned()).ok_or(None)
    },
    write: Clone::clone,
};

impl Section for Log {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("level", "What is logged: a level for Handclasp and its plugins, or TARGET=LEVEL for a part of it, separated by commas. HANDCLASP_LOG wins if it is set."),
            &mut Always(LEVEL, &mut self.level),
        );
        visitor.key(
            Key::new("format", "Lines for people, or a JSON object on each line.")
                .restart("the log is set up when the daemon starts"),
            &mut Always(
                Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
                &mut self.format,
            ),
        );
        visitor.key(
            Key::new("file", "The file to append to, which is opened anew at SIGHUP and SIGUSR1. Without it: standard error.")
                .example("\"/var/log/handclasp.log\""),
            &mut Maybe(File, &mut self.file),
        );
    }
}
