//! Lists of values of one kind.
use super::{Context, Kind};
use crate::config::wrong::Wrong;
use toml::Spanned;
use toml::de::DeValue;

/// At most `most` values.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct ListOf<K> {
    pub(in crate::config) of: K,
    pub(in crate::config) most: usize,
}

impl<K: Kind> Kind for ListOf<K> {
    type Of = Vec<K::Of>;

    fn takes(&self) -> String {
        format!(
            "a list in brackets, up to {}, each {}",
            self.most,
            self.of.takes()
        )
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<Self::Of, Vec<Wrong>> {
        let unsuitable = || context.unsuitable(given, &self.takes());
        let list = given.get_ref().as_array().ok_or_else(unsuitable)?;
        if list.len() > self.most {
            let sentence = format!(
                "{} values are too many: give at most {}",
                list.len(),
                self.most
            );
            return Err(vec![Wrong::new(given.span(), sentence)]);
        }
        let (mut values, mut wrong) = (Vec::new(), Vec::new());
        for one in list.iter() {
            match self.of.parse(one, context) {
                Ok(value) => values.push(value),
                Err(more) => wrong.extend(more),
            }
        }
        match wrong.is_empty() {
            true => Ok(values),
            false => Err(wrong),
        }
    }

    fn write(&self, value: &Self::Of) -> String {
        let all: Vec<_> = value.iter().map(|one| self.of.write(one)).collect();
        format!("[{}]", all.join(", "))
    }
}
