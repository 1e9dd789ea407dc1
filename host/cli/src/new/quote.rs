//! Keeps a path one word, whatever it is made of.

/// A word of a POSIX shell.
pub(super) fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word of a shell, in the value of a variable of make's.
pub(super) fn make(word: &str) -> String {
    shell(word).replace('$', "$$").replace('#', r"\#")
}

/// A TOML basic string.
pub(super) fn toml(text: &str) -> String {
    // JSON's strings are among TOML's, but for U+007F, which JSON leaves as it is.
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::{make, shell, toml};

    #[test]
    fn plain_words_stay_plain() {
        assert_eq!(shell("/usr/local/bin"), "/usr/local/bin");
        assert_eq!(make("../include"), "../include");
    }

    #[test]
    fn odd_words_stay_one_word() {
        assert_eq!(shell(""), "''");
        assert_eq!(shell("it's a dir"), r"'it'\''s a dir'");
        assert_eq!(make("a $HOME #1"), r"'a $$HOME \#1'");
        assert_eq!(toml("C:\\a \"b\""), r#""C:\\a \"b\"""#);
    }
}
