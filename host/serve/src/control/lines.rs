//! Lines of what comes on a connection, in bounded memory.
use handclasp::control::MAX_LINE;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};
use zeroize::Zeroize as _;

/// What a connection's peer has written.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

/// One line, or what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Text(&'a str),
    NotUtf8,
    TooLong,
}

/// Bytes of memory that are kept for the next line.
const KEPT: usize = 16 << 10;

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// What the lines are read from.
    pub(crate) fn input(&self) -> &R {
        &self.input
    }

    /// How many lines were read; empty ones count.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty, without its end; `None` at the end of the input, also in the middle of a line:
    /// whoever has not finished it may have meant more.
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        loop {
            self.line.zeroize(); // it may have held a password
            self.line.shrink_to(KEPT);
            let mut is_too_long = false;
            loop {
                let available = self.input.fill_buf().await?;
                if available.is_empty() {
                    return Ok(None);
                }
                let end = available.iter().position(|byte| *byte == b'\n');
                let part = &available[..end.unwrap_or(available.len())];
                is_too_long |= self.line.len() + part.len() > MAX_LINE;
                if !is_too_long {
                    self.line.extend_from_slice(part);
                }
                let used = end.map_or(available.len(), |end| end + 1);
                self.input.consume(used);
                if end.is_some() {
                    break;
                }
            }
            self.number += 1;
            if is_too_long {
                return Ok(Some(Line::TooLong));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(match std::str::from_utf8(&self.line) {
            Ok(text) => Line::Text(text),
            Err(_) => Line::NotUtf8,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::BufReader;

    /// What is read of bytes that come so many at a time.
    fn read(bytes: &[u8], at_a_time: usize) -> Vec<(u64, Option<String>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("the system can wait").block_on(async {
            let mut lines = Lines::new(BufReader::with_capacity(at_a_time, bytes));
            let mut all = Vec::new();
            while let Some(line) = lines.next().await.expect("it is in memory") {
                let text = match line {
                    Line::Text(text) => Some(text.to_owned()),
                    Line::NotUtf8 | Line::TooLong => None,
                };
                all.push((lines.number(), text));
            }
            all
        })
    }

    #[test]
    fn lines_come_whole_and_half_ones_do_not() {
        let text = |number, text: &str| (number, Some(text.to_owned()));
        for at_a_time in [1, 3, 100] {
            let all = read(b"one\n\n  \ntwo\n\xff\nhal", at_a_time);
            assert_eq!(all, [text(1, "one"), text(4, "two"), (5, None)]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_one_read() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE];
        bytes.extend_from_slice(b"\nnext\n");
        let all = read(&bytes, 8192);
        assert_eq!(all, [(1, None), (2, Some("next".to_owned()))]);
    }

    proptest! {
        #[test]
        fn it_reads_what_was_written_however_it_arrives(
            lines in prop::collection::vec("[^\n]{0,30}", 0..10), at_a_time in 1..50usize,
        ) {
            let bytes: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let read: Vec<_> = read(bytes.as_bytes(), at_a_time).into_iter().map(|(_, text)| text).collect();
            let written = lines.into_iter().filter(|line| !line.as_bytes().trim_ascii().is_empty());
            prop_assert_eq!(read, written.map(Some).collect::<Vec<_>>());
        }
    }
}
