//! What is wrong with one value.
use std::ops::Range;

/// What is wrong, and with which bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    /// Continues a sentence that begins with the key and a colon.
    pub(super) sentence: String,
}

impl Wrong {
    pub(super) fn new(span: Range<usize>, sentence: impl Into<String>) -> Self {
        Self {
            span,
            sentence: sentence.into(),
        }
    }
}
