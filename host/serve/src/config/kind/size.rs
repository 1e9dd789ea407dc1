//! Sizes: bytes, or a number and a unit.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::DeValue;

/// A number of bytes within these bounds, such as `"4 MiB"`.
#[derive(Clone, Debug)]
pub(in crate::config) struct Bytes(pub(in crate::config) RangeInclusive<usize>);

/// Units by their names, and their bytes.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Kind for Bytes {
    type Of = usize;

    fn takes(&self) -> String {
        let (least, most) = (written(*self.0.start()), written(*self.0.end()));
        format!("a size from \"{least}\" to \"{most}\", with its unit: B, KiB, MiB or GiB")
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<usize, Vec<Wrong>> {
        let size = given.get_ref().as_str().and_then(parse);
        let size = size.filter(|size| self.0.contains(size));
        size.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &usize) -> String {
        quote(&written(*value))
    }
}

fn parse(text: &str) -> Option<usize> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    let all = number.parse::<u64>().ok()?.checked_mul(*bytes)?;
    usize::try_from(all).ok()
}

/// In the largest binary unit of which it is a whole number.
fn written(bytes: usize) -> String {
    let bytes = bytes as u64;
    let binary = UNITS.iter().filter(|(name, _)| name.ends_with("iB"));
    let whole = binary
        .into_iter()
        .find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(&("B", 1));
    format!("{} {name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::{parse, written};

    #[test]
    fn a_size_has_a_unit() {
        for (text, bytes) in [
            ("4 MiB", 4 << 20),
            ("512KiB", 512 << 10),
            ("64 kB", 64_000),
            ("0 B", 0),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "4",
            "MiB",
            "4 mib",
            "4 MiB 1 B",
            "-1 B",
            "18446744073709551615 GiB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for (bytes, text) in [(4 << 20, "4 MiB"), (1000, "1000 B"), (0, "0 B")] {
            assert_eq!(written(bytes), text);
            assert_eq!(parse(text), Some(bytes));
        }
    }
}
