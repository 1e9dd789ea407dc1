/// Text from anywhere for a terminal: one line, without what a terminal would obey and without characters that turn the
/// direction of writing.
pub fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_obeyed = |c: char| c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}');
    // One that grows leaves copies behind, and it may be a secret.
    let mut plain = String::with_capacity(text.len());
    plain.extend(text.chars().map(|c| if is_obeyed(c) { ' ' } else { c }));
    plain
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_obey_is_left_out() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc\u{9b}d\u{202e}e"),
            "a [2Jb  c d e"
        );
        assert_eq!(printable("Grüße, 世界"), "Grüße, 世界");
    }
}
