//! Users and passwords as servers compare them: OpaqueString (RFC 8265 §4.2), which RFC 8489 §9.2.2 asks for.

use unicode_normalization::UnicodeNormalization as _;

/// Every space is U+0020, and what is composed of several characters is one where there is one (NFC).
pub(in crate::ice) fn opaque_string(text: &str) -> String {
    text.chars().map(plain_space).nfc().collect()
}

/// Unicode's general category Zs.
fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_alike() {
        for (given, expected) in [
            ("alice", "alice"),
            ("J\u{75}\u{308}rgen", "J\u{fc}rgen"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("a\u{a0}b\u{3000}c", "a b c"),
            ("Alice", "Alice"),
            ("\u{ff21}", "\u{ff21}"),
        ] {
            assert_eq!(opaque_string(given), expected, "{given:?}");
        }
    }
}
