//! Whole numbers, and what is written as one.
use super::{Context, Kind};
use crate::config::wrong::Wrong;
use std::fmt::Display;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::DeValue;

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Flag;

impl Kind for Flag {
    type Of = bool;

    fn takes(&self) -> String {
        "true or false".to_owned()
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<bool, Vec<Wrong>> {
        let flag = given.get_ref().as_bool();
        flag.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// A whole number within these bounds.
#[derive(Clone, Debug)]
pub(in crate::config) struct Whole<N>(pub(in crate::config) RangeInclusive<N>);

impl<N: Copy + Display + PartialOrd + TryFrom<i64>> Kind for Whole<N> {
    type Of = N;

    fn takes(&self) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn parse(&self, given: &Spanned<DeValue<'_>>, context: &Context<'_>) -> Result<N, Vec<Wrong>> {
        let number = given.get_ref().as_integer();
        let number = number.and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
        let number = number.and_then(|number| N::try_from(number).ok());
        let number = number.filter(|number| self.0.contains(number));
        number.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &N) -> String {
        value.to_string()
    }
}

/// The permissions of a file, without any for others than its owner and its group.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Mode;

impl Mode {
    const OTHERS: u32 = 0o007;
    const ALL: u32 = 0o777;
}

impl Kind for Mode {
    type Of = u32;

    fn takes(&self) -> String {
        "an octal mode in quotes without permissions for others, such as \"0600\" or \"0660\""
            .to_owned()
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<u32, Vec<Wrong>> {
        // A decimal number is most likely meant as an octal one: it is refused.
        let digits = match given.get_ref() {
            DeValue::String(text) => Some(&**text),
            DeValue::Integer(number) if number.radix() == 8 => Some(number.as_str()),
            _ => None,
        };
        let is_octal = |digits: &&str| digits.bytes().all(|digit| digit.is_ascii_digit());
        let mode = digits
            .filter(is_octal)
            .and_then(|digits| u32::from_str_radix(digits, 8).ok());
        let mode = mode.filter(|mode| mode & !Self::ALL == 0 && mode & Self::OTHERS == 0);
        mode.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &u32) -> String {
        format!("\"{value:04o}\"")
    }
}
