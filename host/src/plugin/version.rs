//! The order of plugins' versions.
use std::cmp::Ordering;

/// Which of two versions takes precedence, as Semantic Versioning orders them (section 11). A plugin's version is any
/// printable text: parts that are lacking are 0, there may be more than three, and a `v` in front is nothing.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let ((one, one_before), (other, other_before)) = (parts(one), parts(other));
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    let core = loop {
        match (ones.next(), others.next()) {
            (None, None) => break Ordering::Equal,
            (one, other) => match part(one.unwrap_or("0"), other.unwrap_or("0")) {
                Ordering::Equal => {}
                unequal => break unequal,
            },
        }
    };
    core.then_with(|| match (one_before, other_before) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => pre_release(one, other),
    })
}

/// The version's numbers, and its pre-release. Build metadata counts for nothing.
fn parts(version: &str) -> (&str, Option<&str>) {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let version = version.split_once('+').map_or(version, |(told, _)| told);
    match version.split_once('-') {
        Some((core, before)) => (core, Some(before)),
        None => (version, None),
    }
}

/// Of two that begin alike, the one with more identifiers.
fn pre_release(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match part(one, other) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

/// Numbers by their value, whatever their length, and before words.
fn part(one: &str, other: &str) -> Ordering {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match (number(one), number(other)) {
        (true, true) => {
            let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_semantic_versioning() {
        let ascending = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.0.1",
            "1.2",
            "1.10",
            "v2",
            "2026.11.30",
            "18446744073709551616.0",
        ];
        for (index, one) in ascending.iter().enumerate() {
            for (other_index, other) in ascending.iter().enumerate() {
                assert_eq!(
                    compare(one, other),
                    index.cmp(&other_index),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn what_differs_in_its_writing_only_is_the_same() {
        for (one, other) in [
            ("1", "1.0.0"),
            ("1.0+a", "1.0+b"),
            ("v1.02", "1.2"),
            ("", ""),
        ] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }
}
