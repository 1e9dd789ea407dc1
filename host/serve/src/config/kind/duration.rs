//! Durations: a number and a unit, or several.
use super::{Context, Kind, quote};
use crate::config::wrong::Wrong;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A duration within these bounds, such as `"1min 30s"`.
#[derive(Clone, Debug)]
pub(in crate::config) struct Lasting(pub(in crate::config) RangeInclusive<Duration>);

/// Units by their names, and their milliseconds; the first name of each is the one that is written.
const UNITS: [(&[&str], u64); 5] = [
    (&["d", "day", "days"], 86_400_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["min", "m", "minute", "minutes"], 60_000),
    (&["s", "sec", "second", "seconds"], 1_000),
    (&["ms", "millisecond", "milliseconds"], 1),
];

impl Kind for Lasting {
    type Of = Duration;

    fn takes(&self) -> String {
        let (least, most) = (written(*self.0.start()), written(*self.0.end()));
        format!("a duration from \"{least}\" to \"{most}\", with its unit: ms, s, min, h or d")
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<Duration, Vec<Wrong>> {
        let duration = given.get_ref().as_str().and_then(parse);
        let duration = duration.filter(|duration| self.0.contains(duration));
        duration.ok_or_else(|| context.unsuitable(given, &self.takes()))
    }

    fn write(&self, value: &Duration) -> String {
        quote(&written(*value))
    }
}

/// `250ms`, `30 s`, `1h 30min`.
fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut all) = (text.trim(), 0_u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
        let (_, millis) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        let part = number.parse::<u64>().ok()?.checked_mul(*millis)?;
        all = all.checked_add(part)?;
        rest = behind.trim_start();
    }
    Some(Duration::from_millis(all))
}

/// In the largest unit of which it is a whole number.
fn written(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, unit): &&(_, u64)| millis > 0 && millis.is_multiple_of(*unit);
    let whole = UNITS.iter().find(fits);
    let (names, unit) = whole.unwrap_or(&UNITS[3]);
    format!("{}{}", millis / unit, names[0])
}

#[cfg(test)]
mod tests {
    use super::{parse, written};
    use std::time::Duration;

    #[test]
    fn a_duration_has_a_unit_for_each_number() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("30 s", 30_000),
            (" 1h 30min ", 5_400_000),
            ("1h30m", 5_400_000),
            ("2 days", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1 s 2",
            "1x",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_written_as_briefly_as_it_can_be_read_again() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1500, "1500ms"),
            (30_000, "30s"),
            (300_000, "5min"),
            (86_400_000, "1d"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(written(duration), text);
            assert_eq!(parse(text), Some(duration));
        }
    }
}
