//! Paths.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// A path; one that is relative starts from the directory of the configuration.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct File;

/// Most bytes of a path: what Linux takes.
const MOST: usize = 4095;

impl Kind for File {
    type Of = PathBuf;

    fn takes(&self) -> String {
        "a path".to_owned()
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<PathBuf, Vec<Wrong>> {
        let text = given.get_ref().as_str();
        let text = text.filter(|text| (1..=MOST).contains(&text.len()) && !text.contains('\0'));
        let path = text.map(|text| context.directory.join(text));
        path.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}
