//! A value as it is visited.
use super::kind::{Context, Kind};
use super::wrong::Wrong;
use toml::Spanned;
use toml::de::DeValue;
use zeroize::Zeroizing;

/// A value in its place in a section.
pub(super) trait Value {
    /// Takes what stands in the file.
    ///
    /// # Errors
    /// What is wrong; the value stays as it is.
    fn read(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<(), Vec<Wrong>>;

    /// As it may stand in the file, if there is one. It may be a secret.
    fn write(&self) -> Option<Zeroizing<String>>;

    /// What may stand in the file, as in "give …".
    fn takes(&self) -> String;
}

/// A value that is always there.
#[derive(Debug)]
pub(super) struct Always<'a, K: Kind>(pub(super) K, pub(super) &'a mut K::Of);

impl<K: Kind> Value for Always<'_, K> {
    fn read(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<(), Vec<Wrong>> {
        *self.1 = self.0.parse(given, context)?;
        Ok(())
    }

    fn write(&self) -> Option<Zeroizing<String>> {
        Some(self.0.write(self.1).into())
    }

    fn takes(&self) -> String {
        self.0.takes()
    }
}

/// A value that may be missing, for which there is nothing to write then.
#[derive(Debug)]
pub(super) struct Maybe<'a, K: Kind>(pub(super) K, pub(super) &'a mut Option<K::Of>);

impl<K: Kind> Value for Maybe<'_, K> {
    fn read(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<(), Vec<Wrong>> {
        *self.1 = Some(self.0.parse(given, context)?);
        Ok(())
    }

    fn write(&self) -> Option<Zeroizing<String>> {
        self.1.as_ref().map(|value| self.0.write(value).into())
    }

    fn takes(&self) -> String {
        self.0.takes()
    }
}

/// A value that may be `"off"`.
#[derive(Debug)]
pub(super) struct OrOff<'a, K: Kind>(pub(super) K, pub(super) &'a mut Option<K::Of>);

impl<K: Kind> OrOff<'_, K> {
    const OFF: &'static str = "off";
}

impl<K: Kind> Value for OrOff<'_, K> {
    fn read(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<(), Vec<Wrong>> {
        *self.1 = match given.get_ref().as_str() {
            Some(Self::OFF) => None,
            _ => Some(self.0.parse(given, context)?),
        };
        Ok(())
    }

    fn write(&self) -> Option<Zeroizing<String>> {
        let off = || format!("\"{}\"", Self::OFF);
        let written = self.1.as_ref().map(|value| self.0.write(value));
        Some(written.unwrap_or_else(off).into())
    }

    fn takes(&self) -> String {
        format!("{}, or \"{}\"", self.0.takes(), Self::OFF)
    }
}
