//! Shares of a whole, in per cent.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use std::fmt;
use toml::Spanned;
use toml::de::DeValue;

/// A share of a whole, from 0 % to 100 %, in steps of a hundredth of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// Ten thousandths.
    parts: u16,
}

impl Share {
    const WHOLE: u16 = 10_000;

    /// So many per cent; everything if there are more than 100.
    pub const fn percent(percent: u16) -> Self {
        let parts = percent.saturating_mul(100);
        Self {
            parts: if parts > Self::WHOLE {
                Self::WHOLE
            } else {
                parts
            },
        }
    }

    /// From 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.parts) / f64::from(Self::WHOLE)
    }
}

/// `5%`, `2.5%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.parts / 100, self.parts % 100);
        match rest {
            0 => write!(f, "{whole}%"),
            rest if rest.is_multiple_of(10) => write!(f, "{whole}.{}%", rest / 10),
            rest => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

/// A share, such as `"5%"`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Percent;

impl Kind for Percent {
    type Of = Share;

    fn takes(&self) -> String {
        "a share from \"0%\" to \"100%\"".to_owned()
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<Share, Vec<Wrong>> {
        let share = given.get_ref().as_str().and_then(parse);
        share.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &Share) -> String {
        quote(&value.to_string())
    }
}

fn parse(text: &str) -> Option<Share> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > 2 {
        return None;
    }
    let hundredths: u16 = format!("{rest:0<2}").parse().ok()?;
    let parts = whole
        .parse::<u16>()
        .ok()?
        .checked_mul(100)?
        .checked_add(hundredths)?;
    (parts <= Share::WHOLE).then_some(Share { parts })
}

#[cfg(test)]
mod tests {
    use super::{Share, parse};

    #[test]
    fn a_share_is_in_per_cent() {
        for (text, written, fraction) in [
            ("5%", "5%", 0.05),
            ("2.5 %", "2.5%", 0.025),
            ("0.01%", "0.01%", 0.0001),
            ("100%", "100%", 1.0),
        ] {
            let share = parse(text).expect("it is a share");
            assert_eq!(
                (share.to_string().as_str(), share.fraction()),
                (written, fraction)
            );
        }
        for text in [
            "", "5", "%", "101%", "100.01%", "-1%", "0.001%", "1.%", ".5%", "655%", "70000%",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(Share::percent(900), Share::percent(100));
    }
}
