//! Lines and columns of a text.

/// A place in a text, as editors count: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Where the byte at `offset` stands; the end of the text counts to its last line.
pub(crate) fn position(text: &str, offset: usize) -> Position {
    let end = text.strip_suffix('\n').unwrap_or(text).len();
    let offset = boundary(text, offset.min(end));
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
    }
}

/// The last boundary between characters that is not behind `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offsets = (0..=offset).rev();
    let found = offsets.find(|&offset| text.is_char_boundary(offset));
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Position, position};

    #[test]
    fn a_place_is_counted_as_editors_do() {
        let text = "a = 1\nß = 2\n";
        let at = |offset| {
            let Position { line, column } = position(text, offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(6), (2, 1));
        assert_eq!(at(7), (2, 1), "within a character");
        assert_eq!(at(8), (2, 2));
        assert_eq!(at(text.len()), (2, 6), "the end is no line of its own");
        assert_eq!(at(1000), (2, 6));
        assert_eq!(position("", 0).line, 1);
    }
}
