//! How much of a session description is read at all.

use super::SdpError;

/// Most bytes of a session description.
pub const MAX_TEXT: usize = 64 * 1024;
/// Most lines of a session description.
pub const MAX_LINES: usize = 2048;
/// Most bytes of one line, its end not counted.
pub const MAX_LINE: usize = 8 * 1024;
/// Most media sections of a session description.
pub const MAX_SECTIONS: usize = 64;
/// Most candidates in all media sections together.
pub const MAX_CANDIDATES: usize = 256;

/// Refuses a text that exceeds a limit, before anything is allocated for it.
pub(super) fn check(text: &str) -> Result<(), SdpError> {
    if text.len() > MAX_TEXT {
        return Err(SdpError::TextTooLong { bytes: text.len() });
    }
    let (mut sections, mut candidates) = (0, 0);
    for (number, line) in (1..).zip(text.lines()) {
        if line.len() > MAX_LINE {
            return Err(SdpError::LineTooLong { line: number });
        }
        sections += usize::from(line.starts_with("m="));
        candidates += usize::from(line.starts_with("a=candidate:"));
        at_most(MAX_LINES, number, "lines", number)?;
        at_most(MAX_SECTIONS, sections, "media sections", number)?;
        at_most(MAX_CANDIDATES, candidates, "candidates", number)?;
    }
    Ok(())
}

fn at_most(limit: usize, count: usize, what: &'static str, line: usize) -> Result<(), SdpError> {
    if count > limit {
        return Err(SdpError::TooMany { what, limit, line });
    }
    Ok(())
}
