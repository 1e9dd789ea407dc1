//! Values that are read from a text by a function of their own.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use toml::Spanned;
use toml::de::DeValue;

/// A text that says what `parse` makes of it.
#[derive(Debug)]
pub(in crate::config) struct FromText<T> {
    /// As in "give …".
    pub(in crate::config) takes: &'static str,
    /// # Errors
    /// A sentence with its remedy, or nothing if `takes` says it.
    pub(in crate::config) parse: fn(&str) -> Result<T, Option<String>>,
    pub(in crate::config) write: fn(&T) -> String,
}

impl<T> Clone for FromText<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for FromText<T> {}

impl<T> Kind for FromText<T> {
    type Of = T;

    fn takes(&self) -> String {
        self.takes.to_owned()
    }

    fn parse(&self, given: &Spanned<DeValue<'_>>, context: &Context<'_>) -> Result<T, Vec<Wrong>> {
        let unsuitable = || context.unsuitable(given, self.takes);
        let text = given.get_ref().as_str().ok_or_else(unsuitable)?;
        (self.parse)(text).map_err(|sentence| match sentence {
            Some(sentence) => vec![Wrong::new(given.span(), sentence)],
            None => unsuitable(),
        })
    }

    fn write(&self, value: &T) -> String {
        quote(&(self.write)(value))
    }
}
