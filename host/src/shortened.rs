//! Text of any length, for a sentence.
use std::borrow::Cow;

/// Most characters of what was given that a sentence repeats.
const MAX_CHARACTERS: usize = 100;

/// `text` if it is short; else how it begins, and how many bytes it has.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CHARACTERS) {
        None => text.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARACTERS, shortened};

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let short = "é".repeat(MAX_CHARACTERS);
        assert_eq!(shortened(&short), short);
        let long = format!("{short}{short}");
        assert_eq!(shortened(&long), format!("{short}… (400 bytes)"));
    }
}
