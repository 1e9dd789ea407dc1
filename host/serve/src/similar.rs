//! What was probably meant.

/// The one of `known` that is most like `name`, if one is.
pub(crate) fn similar<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let scored = known.map(|known| (strsim::jaro_winkler(known, name), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score > 0.8)
        .map(|(_, known)| known)
}
