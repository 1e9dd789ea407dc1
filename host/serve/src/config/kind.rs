//! What values may be.
mod choice;
mod duration;
mod file;
mod from_text;
mod host;
mod list;
mod number;
mod share;
mod size;

pub(super) use choice::Choice;
pub(super) use duration::Lasting;
pub(super) use file::File;
pub(super) use from_text::FromText;
pub(super) use host::is_host_name;
pub(super) use list::ListOf;
pub(super) use number::{Flag, Mode, Whole};
pub(super) use share::Percent;
pub use share::Share;
pub(super) use size::Bytes;

use super::wrong::Wrong;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// One kind of values, with its bounds.
pub(super) trait Kind {
    /// What is made of what stands in the file.
    type Of;

    /// What may stand there, as in "give …".
    fn takes(&self) -> String;

    /// # Errors
    /// What is wrong, and where.
    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<Self::Of, Vec<Wrong>>;

    /// As it may stand in the file.
    fn write(&self, value: &Self::Of) -> String;
}

/// What a value may depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// What relative paths start from: the directory of the file.
    pub(super) directory: &'a Path,
}

impl Context<'_> {
    /// What was given, as it stands in the file: short, for a sentence.
    fn quoted(&self, given: &Spanned<DeValue<'_>>) -> String {
        const MOST: usize = 40;
        let what = match given.get_ref() {
            DeValue::Array(_) => return "a list".to_owned(),
            DeValue::Table(_) => return "a table".to_owned(),
            _ => self.text.get(given.span()).unwrap_or_default(),
        };
        let line = what.lines().next().unwrap_or_default();
        match line.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.len() < what.len() => format!("{line}…"),
            None => line.to_owned(),
        }
    }

    /// What is not of a kind at all.
    fn unsuitable(&self, given: &Spanned<DeValue<'_>>, takes: &str) -> Vec<Wrong> {
        let sentence = format!("{} cannot be used here: give {takes}", self.quoted(given));
        vec![Wrong::new(given.span(), sentence)]
    }
}

/// Text in TOML, with quotes.
pub(super) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}
