//! One of a few words.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use toml::Spanned;
use toml::de::DeValue;

/// One of these words, and what it stands for.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Choice<T: 'static>(pub(in crate::config) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Kind for Choice<T> {
    type Of = T;

    fn takes(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| quote(word)).collect();
        words.join(" or ")
    }

    fn parse(&self, given: &Spanned<DeValue<'_>>, context: &Context<'_>) -> Result<T, Vec<Wrong>> {
        let chosen = self
            .0
            .iter()
            .find(|(word, _)| given.get_ref().as_str() == Some(word));
        let meaning = chosen.map(|(_, meaning)| *meaning);
        meaning.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &T) -> String {
        let chosen = self.0.iter().find(|(_, meaning)| meaning == value);
        quote(chosen.map_or("", |(word, _)| word))
    }
}
