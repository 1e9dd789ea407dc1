use super::{Input, ParseError, Reason};
use std::io::{self, BufRead, Read as _};

/// Most bytes of a line, its end not counted.
pub const MAX_LINE: usize = 1 << 20;

/// What some editors and shells write before the first line, in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads lines of input, each in bounded memory.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

/// What a line says, or why it was not understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The line's number, counted from 1; empty lines count.
    pub number: u64,
    /// What it says.
    pub input: Result<Input, ParseError>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from the start of `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that is not empty; `None` at the end of the input. A wrong one does not end it.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Numbered>> {
        while self.read_line()? {
            self.number += 1;
            let too_long = self.line.len() > MAX_LINE;
            if too_long {
                self.input.skip_until(b'\n')?;
            }
            if too_long || !self.line.trim_ascii().is_empty() {
                let (number, input) = (self.number, self.parse());
                return Ok(Some(Numbered { number, input }));
            }
        }
        Ok(None)
    }

    /// Bytes of memory it holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.line.capacity()
    }

    /// The line without its end, cut one byte after [`MAX_LINE`]. Returns whether there was one.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.input)
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.number == 0 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(read > 0)
    }

    fn parse(&self) -> Result<Input, ParseError> {
        if self.line.len() > MAX_LINE {
            return Err(ParseError {
                column: MAX_LINE + 1,
                reason: Reason::TooLong,
            });
        }
        let text = std::str::from_utf8(&self.line).map_err(|error| ParseError {
            column: error.valid_up_to() + 1,
            reason: Reason::Encoding,
        })?;
        Input::parse(text)
    }
}
