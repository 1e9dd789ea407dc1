//! No plugin can be used.
use crate::exit::Failed;
use handclasp::plugin::FindError;
use std::path::PathBuf;

/// Why none can be used: all are refused, for which there are sentences, or there is none.
pub(super) fn none_usable(refused: &[String], searched: &[PathBuf]) -> Failed {
    let searched = searched.to_vec();
    match refused {
        [] => FindError::Empty { searched }.into(),
        [first, ..] => FindError::AllRefused {
            count: refused.len(),
            first: first.clone(),
            searched,
        }
        .into(),
    }
}
