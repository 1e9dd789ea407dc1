/// The name that was probably meant by `given`.
pub fn similar<'a>(names: impl IntoIterator<Item = &'a str>, given: &str) -> Option<&'a str> {
    let likeness = |name| (strsim::jaro_winkler(name, given), name);
    names
        .into_iter()
        .map(likeness)
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
